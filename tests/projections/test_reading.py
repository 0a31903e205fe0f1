"""Stored rows as notifications: decoded once, hostile ones set aside."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.times import format_us, parse_us
from projections.reading import Notification, decode_batch
from tests.projections.filling import START_US, Fact, Filling


def stored(*facts: Fact) -> list[tuple[Any, ...]]:
    filling = Filling(Mock())
    rows = [filling.row(fact) for fact in facts]
    return [(*row[:1], row[4], row[5], row[1], row[2], row[8], row[3], row[11]) for row in rows]


def decoded(fact: Fact) -> Notification:
    return decode_batch(0, stored(fact)).events[0]


def test_an_event_as_models_see_it() -> None:
    event = decoded(
        Fact(
            "o-1",
            "order.created",
            {"status": "paid"},
            at=5,
            metadata={"actor_id": "svc", "actor_type": "service", "ip": {"_sd": "x"}},
        )
    )
    assert (event.position, event.tenant_id, event.sequence, event.version) == (1, "acme", 1, 1)
    assert (event.order_id, event.type, event.source) == ("o-1", "order.created", "shop")
    assert event.occurred_us == START_US + 5_000_000
    assert (event.actor_id, event.actor_type) == ("svc", "service")
    assert event.payload == {"status": "paid"}
    assert event.payload is event.payload


@pytest.mark.parametrize("metadata", [None, {}, {"actor_id": 7}, {"actor_id": {"_sd": "x"}}])
def test_no_usable_actor(metadata: Any) -> None:
    assert decoded(Fact("o-1", metadata=metadata)).actor_id is None


@pytest.mark.parametrize("actor", ["", "x" * 201])
def test_an_actor_id_that_no_index_should_hold(actor: str) -> None:
    assert decoded(Fact("o-1", metadata={"actor_id": actor})).actor_id is None


@given(st.integers(min_value=-(10**15), max_value=4 * 10**15), st.integers(0, 6))
def test_times_are_read_as_the_domain_reads_them(us: int, digits: int) -> None:
    text = format_us(us)[:19] + (f".{us % 10**6:06}"[: digits + 1] if digits else "") + "Z"
    row = stored(Fact("o-1"))[0]
    state = row[7].replace(b'"2025-01-01T00:00:00.000000Z"', f'"{text}"'.encode(), 1)
    assert decode_batch(0, [(*row[:7], state)]).events[0].occurred_us == parse_us(text)


@pytest.mark.parametrize(
    "state", [b"", b"\xff", b"{}", b"[" * 100_000, b'{"v": "1"}', b"null"], ids=repr
)
def test_bytes_that_are_no_event_are_set_aside(state: bytes) -> None:
    rows = stored(Fact("o-1"), Fact("o-2"), Fact("o-3"))
    rows[1] = (*rows[1][:7], state)
    batch = decode_batch(0, rows)
    assert [event.order_id for event in batch.events] == ["o-1", "o-3"]
    assert [one.position for one in batch.broken] == [2]
    assert batch.end == 3


def test_halves_are_the_whole() -> None:
    rows = stored(*[Fact(f"o-{number}") for number in range(5)])
    for broken in range(5):
        spoilt = [*rows]
        spoilt[broken] = (*rows[broken][:7], b"{}")
        batch = decode_batch(0, spoilt)
        left, right = batch.halves()
        assert (left.start, left.end, right.end) == (0, right.start, 5)
        assert [*left.events, *right.events] == batch.events
        assert [*left.broken, *right.broken] == batch.broken
        places = [
            [event.position for event in half.events] + [one.position for one in half.broken]
            for half in (left, right)
        ]
        assert max(places[0]) <= left.end < min(places[1])
