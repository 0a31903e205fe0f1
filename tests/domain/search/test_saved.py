"""Nothing personal is kept in a saved search, wherever it is put."""

from __future__ import annotations

from typing import Any

import pytest

from domain.search.fields import FIELDS
from domain.search.query import All, Match, Words
from domain.search.saved import Draft, newer, personal_places, read_last, read_name, since
from domain.times import SECOND

DAY = 86_400 * SECOND
EMAIL, PHONE, CARD = "email address", "telephone number", "card number"


def wide(text: str) -> str:
    """The text in the full-width forms that Unicode has beside ASCII."""
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


def found(value: Any) -> list[tuple[str, str]]:
    return [(error.pointer, error.detail) for error in personal_places(value, "/search")]


@pytest.mark.parametrize(
    ("query", "pointer", "what"),
    [
        ({"ident": "jane@example.com"}, "/ident", EMAIL),
        ({"ident": "j@h.x"}, "/ident", EMAIL),
        ({"ident": wide("jane@example.com")}, "/ident", EMAIL),
        ({"ident": "+1-555-0191"}, "/ident", PHONE),
        ({"ident": "001 (555) 0191"}, "/ident", PHONE),
        ({"ident": "15550191"}, "/ident", PHONE),
        ({"ident": wide("15550191")}, "/ident", PHONE),
        ({"ident": "4111111111111111", "exact": True}, "/ident", CARD),
        ({"text": "write to jane@example.com"}, "/text", EMAIL),
        ({"text": "rang from +1 (555) 0191 22"}, "/text", PHONE),
        ({"text": "4111 1111 1111 1111"}, "/text", CARD),
        ({"field": "payload.number", "eq": "jane@example.com"}, "/eq", EMAIL),
        ({"field": "payload.amount_minor", "gte": 4111111111111111}, "/gte", CARD),
        ({"field": "payload.code", "in": ["a", "+15550191"]}, "/in/1", PHONE),
    ],
)
def test_what_is_personal_is_found(query: Any, pointer: str, what: str) -> None:
    nested = {"query": {"all": [{"text": "x"}, {"any": [{"not": query}]}]}}
    ((place, detail),) = found(nested)
    assert place == f"/search/query/all/1/any/0/not{pointer}"
    assert detail.startswith("a saved search is shared and kept: ")
    assert what in detail


@pytest.mark.parametrize(
    "query",
    [
        {"ident": "000123T"},
        {"ident": "SKU-100-200-300"},
        {"ident": "12345"},
        {"ident": "@home"},
        {"ident": ""},
        {"text": "declined on 2025-08-29"},
        {"field": "payload.tracking_number", "eq": "794644790132"},
        {"field": "occurred_at", "gte": "2025-01-01T00:00:00+01:00"},
        {"field": "payload.amount_minor", "gte": 100_000_000, "lt": True},
        {"field": "payload.weight_g", "gt": 1.5},
        {"field": "payload.code", "eq": None},
    ],
)
def test_what_may_be_kept(query: Any) -> None:
    assert found({"query": query, "limit": 20}) == []


def test_what_is_found_is_not_repeated() -> None:
    values = ["jane@example.com", "+15550191", "4111111111111111"]
    details = [detail for _, detail in found(values)]
    assert len(details) == 3
    assert not [detail for detail in details for value in values if value in detail]


def test_a_hundred_places_are_told() -> None:
    assert len(found(["jane@example.com"] * 101)) == 100


def test_a_window_moves_with_the_clock() -> None:
    node = Words(("declined",))
    draft = Draft("n", None, b"{}", "P7D")
    assert since(draft, 10 * DAY) == 3 * DAY
    assert newer(node, 3 * DAY) == All((node, Match(FIELDS["occurred_at"], "gte", 3 * DAY)))


def test_without_a_window_the_question_stays() -> None:
    assert since(Draft("n", None, b"{}", None), 10 * DAY) is None
    assert newer(Words(("declined",)), None) == Words(("declined",))


@pytest.mark.parametrize("name", ["x", "Failed in Köln 👩‍💻", "x" * 200])
def test_a_name(name: str) -> None:
    assert read_name(name) == name


@pytest.mark.parametrize("name", [None, 1, "", " ", " x", "x\n", "a\tb", "a\x00b", "x" * 201])
def test_no_name(name: Any) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        read_name(name)


def test_how_far_back_it_looks() -> None:
    assert read_last("P7D") == "P7D"
    for wrong in (7, "7 days", "P0D", "PT0S", "P", "-P1D", "P1M", "", "P7D" * 100):
        with pytest.raises(ValueError, match=r"duration|must"):
            read_last(wrong)
