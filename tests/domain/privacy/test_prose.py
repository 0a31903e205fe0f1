"""What free text may not be."""

from __future__ import annotations

import pytest

from domain.errors import FieldError
from domain.privacy.prose import check_prose

PAN = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "two\nlines\tand a tab",
        "§ 147 AO; Art. 6(1)(c) GDPR",
        "שלום",
        "no@address",
        "@",
        "日本",
    ],
)
@pytest.mark.parametrize("plain", [False, True])
def test_what_says_something_is_taken(text: str, plain: bool) -> None:
    wrong: list[FieldError] = []
    assert check_prose("/reason", text, 100, wrong, plain=plain)
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (None, "a text of 1 to 100"),
        (7, "a text of 1 to 100"),
        ("", "a text of 1 to 100"),
        ("x" * 101, "a text of 1 to 100"),
        ("a\0b", "control characters"),
        ("a\x1b[31m", "control characters"),
        ("a\x85", "control characters"),
        (" \n\t", "no visible character"),
        ("\u202e", "no visible character"),
        ("\u00a0\u200b", "no visible character"),
        (f"card {PAN}", "card number"),
    ],
)
def test_what_does_not_is_refused_by_its_name_and_not_repeated(text: object, detail: str) -> None:
    wrong: list[FieldError] = []
    assert not check_prose("/legal_basis", text, 100, wrong)
    (one,) = wrong
    assert one.pointer == "/legal_basis"
    assert detail in one.detail
    assert PAN not in one.detail


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\u2028b"])
def test_a_name_is_one_line(text: str) -> None:
    wrong: list[FieldError] = []
    assert not check_prose("/name", text, 100, wrong, one_line=True)
    assert wrong[0].detail == "must be one line"


WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})


@pytest.mark.parametrize("wide", [{}, {ord("@"): "\uff20"}, WIDE])
def test_in_plain_text_no_email_address_of_any_width(wide: dict[int, str]) -> None:
    text = "ask ann@example.com".translate(wide)
    wrong: list[FieldError] = []
    assert not check_prose("/name", text, 100, wrong, plain=True)
    assert "email address" in wrong[0].detail
    assert check_prose("/name", text, 100, wrong)
