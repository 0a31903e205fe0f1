from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.search.words import LONGEST_IDENT, LONGEST_WORD, email, ident, phone, words


def wide(text: str) -> str:
    """The same in full-width characters, as some keyboards write it."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" - _ … ", []),
        ("order.payment.failed", ["order", "payment", "failed"]),
        ("Card_declined: 05/LOST", ["card", "declined", "05", "lost"]),
        ("Große STRASSE", ["grosse", "strasse"]),
        ("Cafe\u0301 CAFÉ", ["café", "café"]),
        (f"ﬁne {wide('ABC1')}", ["fine", "abc1"]),
        ("東京都 Ωmega", ["東京都", "ωmega"]),
        ("x" * 100, ["x" * LONGEST_WORD]),
        ("it's", ["it", "s"]),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (" 1Z 999-AA ", "1z 999-aa"),
        (wide("SKU-1"), "sku-1"),
        ("x" * LONGEST_IDENT, "x" * LONGEST_IDENT),
        ("x" * (LONGEST_IDENT + 1), ""),
        ("ﷺ" * 12, ""),
        (" \u00a0", ""),
    ],
)
def test_identifiers(text: str, found: str) -> None:
    assert ident(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (" Ann@Example.ORG ", "ann@example.org"),
        (f"ann{wide('@')}example.org", "ann@example.org"),
        ("a@b@c.example", "a@b@c.example"),
        ("ann@example", None),
        ("@example.org", None),
        ("Ann <ann@example.org>", None),
        ("ann example.org", None),
    ],
)
def test_email_addresses(text: str, found: str | None) -> None:
    assert email(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("+1-555-0191", "15550191"),
        ("001 (555) 0191", "15550191"),
        (wide("5550191"), "5550191"),
        ("٠٥٥٥٠١٩", None),  # digits of other scripts are not taken for a number
        ("12345", None),
        ("00 12345", None),
    ],
)
def test_telephone_numbers(text: str, found: str | None) -> None:
    assert phone(text) == found


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_word_is_found_however_it_is_written(text: str) -> None:
    found = words(text)
    assert all(0 < len(word) <= LONGEST_WORD for word in found)
    for variant in (normalize("NFD", text), f" {text}\n"):
        assert words(variant) == found


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_folding_an_identifier_again_changes_nothing(text: str) -> None:
    assert ident(ident(text)) == ident(text)
