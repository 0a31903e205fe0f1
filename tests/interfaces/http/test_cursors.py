from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Unreadable
from interfaces.http.cursors import Walk
from interfaces.http.params import Text, Window

KEY = b"k" * 32


class EventsQuery(Window, frozen=True, kw_only=True):
    order_id: Text | None = None


def walk(**changed: Any) -> Walk:
    given = {"cursor_key": KEY, "tenant_id": "acme", "route": "events", "query": EventsQuery()}
    return Walk(**{**given, **changed})


CURSOR = walk().cursor((7, "ord_1"))


def test_the_key_comes_back() -> None:
    assert walk().after(CURSOR, tuple[int, str]) == (7, "ord_1")
    assert walk().after(None, tuple[int, str]) is None


def test_page_size_and_cursor_are_not_part_of_the_query() -> None:
    assert walk(query=EventsQuery(limit=3, cursor=CURSOR)).after(CURSOR, tuple[int, str]) == (
        7,
        "ord_1",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"tenant_id": "other"},
        {"route": "orders"},
        {"query": EventsQuery(order_id="ord_1")},
        {"query": b'{"text":"x"}'},
        {"cursor_key": b"x" * 32},
        {"tenant_id": "acm", "route": "eevents"},
    ],
)
def test_a_cursor_of_another_query_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="does not belong to this query"):
        walk(**changed).after(CURSOR, tuple[int, str])


def test_a_cursor_with_another_shape_of_key_is_refused() -> None:
    with pytest.raises(Unreadable):
        walk().after(CURSOR, tuple[str, str])


@pytest.mark.parametrize(
    "garbled", ["", "a", "aaaa", "é", "%%%", CURSOR[:-1], CURSOR + "A", "=" * 9]
)
def test_a_garbled_cursor_is_refused(garbled: str) -> None:
    with pytest.raises(Unreadable):
        walk().after(garbled, tuple[int, str])


@given(st.text(max_size=80))
def test_no_made_up_cursor_is_taken(text: str) -> None:
    with pytest.raises(Unreadable):
        walk().after(text, tuple[int, str])


@given(st.integers(0, len(CURSOR) - 1), st.characters(codec="ascii"))
def test_no_changed_cursor_is_read_as_another_key(place: int, character: str) -> None:
    changed = CURSOR[:place] + character + CURSOR[place + 1 :]
    try:
        assert walk().after(changed, tuple[int, str]) == (7, "ord_1")
    except Unreadable:
        assert changed != CURSOR
