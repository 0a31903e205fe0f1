from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from application.orders.validate import ValidateEvents
from infrastructure.schemas import PayloadSchemas

pytestmark = pytest.mark.anyio

NOW_US = 1_800_000_000_000_000


class Known:
    """Knows some ids, and counts how often it is asked."""

    def __init__(self, *ids: str) -> None:
        self.ids = set(ids)
        self.asked: list[Sequence[str]] = []

    async def among(self, tenant_id: str, event_ids: Sequence[str]) -> set[str]:
        self.asked.append(event_ids)
        return self.ids & set(event_ids)


def event(event_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "event_id": event_id, "order_id": "o", "occurred_at": "2025-01-01T10:00:00Z",
        "source": "shop", "type": "order.note.added", "schema_version": "v1", "payload": {},
        **changed,
    }  # fmt: skip


async def report(known: Known, value: Any) -> Any:
    validate = ValidateEvents(known, PayloadSchemas(), lambda: NOW_US)
    return await validate("acme", json.dumps(value).encode())


async def test_a_thousand_events_are_looked_up_at_once() -> None:
    known = Known("e7", "e999")
    told = await report(known, [event(f"e{number}") for number in range(1000)])
    assert len(known.asked) == 1
    assert [n for n, result in enumerate(told.results) if result.duplicate] == [7, 999]
    assert told.valid


async def test_what_is_not_valid_is_not_looked_up() -> None:
    known = Known()
    told = await report(known, [{}, event("e1"), 7])
    assert known.asked == [["e1"]]
    assert [result.valid for result in told.results] == [False, True, False]
    await report(known, [{}])
    assert len(known.asked) == 1


@pytest.mark.parametrize("alone", [False, True])
async def test_an_event_that_is_too_large_is_told_of_in_its_place(*, alone: bool) -> None:
    large = event("e2", payload={"x": "y" * 300_000})
    told = await report(Known("e3"), large if alone else [event("e1"), large, event("e3")])
    result = told.results[0 if alone else 1]
    assert not told.valid
    assert (result.valid, result.duplicate, result.pii) == (False, False, [])
    (error,) = result.errors
    assert error.pointer == ""
    assert "256 KiB" in error.detail
    if not alone:
        assert [other.valid for other in told.results] == [True, False, True]
        assert told.results[2].duplicate
