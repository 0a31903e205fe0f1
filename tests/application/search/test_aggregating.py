"""Filling up what is grouped by time; what is looked at; and a turn for others in between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, cast

import msgspec
import pytest

from application.search import deciding
from application.search.aggregating import Aggregate, Frame, with_a_value
from application.search.ports import Asked, GroupIndex, Hit, Plan, SearchIndex
from domain.search.aggregation import Group, Measure
from domain.search.fields import field_named
from domain.search.query import All, Match

BY_DAY = Group(field_named("occurred_at"), "day")
SCORE = Group(field_named("payload.risk_score"))


def test_intervals_of_one_and_of_true_are_told_apart() -> None:
    frame = Frame([0, 10, 20], from_first=True, to_last=True)
    rows = frame.filled(
        [((1, 1), (5,)), ((True, 2), (7,)), ((1.0, 2), (3,))],
        Asked([Measure("count")], [SCORE, BY_DAY]),
    )
    assert sorted(rows, key=repr) == [
        ((1, 0), (5,)),
        ((1, 10), (3,)),
        ((True, 0), (0,)),
        ((True, 10), (7,)),
    ]


def test_only_events_with_the_value_that_is_asked_for_are_looked_at() -> None:
    score, weight = field_named("payload.risk_score"), field_named("payload.weight_g")
    every, has_score = All(()), Match(score, "exists", True)
    added, highest = Measure("sum", score), Measure("max", score)
    assert with_a_value(every, Asked([added, highest], [])) == All((every, has_score))
    assert with_a_value(every, Asked([added], [BY_DAY])) == every
    assert with_a_value(every, Asked([added, Measure("sum", weight)], [])) == every
    assert with_a_value(every, Asked([added, Measure("count")], [])) == every
    assert with_a_value(every, Asked([Measure("count")], [SCORE], 3)) == All((every, has_score))
    assert with_a_value(every, Asked([Measure("count")], [SCORE])) == every


class OneLongOrder:
    """An index, and what it groups by: of one event with so many items."""

    def __init__(self, items: int) -> None:
        self._items = [{"sku": f"s{n}", "qty": n} for n in range(items)]

    async def plan(self, *_: object) -> Plan:
        return Plan("acme", None, None)

    async def hits(self, _: Plan, __: object, after: object, ___: int) -> Sequence[Hit]:
        return [] if after else [Hit(1, 1, 1, "o", None, None)]

    async def states(self, *_: object) -> Sequence[bytes]:
        body = {"type": "t", "source": "s", "payload": {"items": self._items}}
        return [msgspec.json.encode(body)]

    async def rolled_up(self, *_: object) -> None: ...

    def in_columns(self, _: object) -> bool:
        return False

    async def order_values(self, *_: object) -> Mapping[str, Any]:
        return {}


@pytest.mark.anyio
async def test_others_have_a_turn_while_groups_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    times = count()  # every look is later by more than a slice
    monkeypatch.setattr(deciding, "monotonic", lambda: next(times) * 1.5 * deciding.SLICE)
    order = OneLongOrder(30)
    median = Measure("p50", field_named("payload.items.qty"))
    asked = Asked([median], [Group(field_named("payload.items.sku"))])
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    aggregate = Aggregate(cast(SearchIndex, order), cast(GroupIndex, order))
    found = await aggregate("acme", All(()), asked)
    other.cancel()
    assert [values for _, values in found.rows] == [(14,)] * 30
    assert turns >= 30
