"""Reading what an index finds: whole, and with a turn for others in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any, cast

import msgspec
import pytest

from application.search import deciding
from application.search.deciding import Deciding, Slices
from application.search.ports import NEWEST_FIRST, SECONDS, Hit, Key, Plan, SearchIndex
from domain.errors import TooCostly

pytestmark = pytest.mark.anyio
HITS = [Hit(n, n, n, "o", None, None) for n in range(1, 31)]


class Stored:
    """Events whose payload is their position."""

    async def states(self, _: Plan, hits: Sequence[Hit]) -> list[bytes]:
        return [
            msgspec.json.encode({"type": "t", "source": "s", "payload": {"at": hit.position}})
            for hit in hits
        ]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at it is later by a SLICE and a half."""
    times = count()
    monkeypatch.setattr(deciding, "monotonic", lambda: next(times) * 1.5 * deciding.SLICE)


async def others(turns: list[int]) -> None:
    while True:
        turns.append(len(turns))
        await asyncio.sleep(0)


@pytest.mark.usefixtures("clock")
async def test_others_have_a_turn_while_many_are_decided() -> None:
    async def fetch(after: Key | None, limit: int) -> list[Hit]:
        return HITS[:limit] if after is None else []

    def is_even(_: Sequence[bool], body: Any) -> bool:
        return int(body["payload"]["at"]) % 2 == 0

    turns: list[int] = []
    other = asyncio.create_task(others(turns))
    reading = Deciding(cast(SearchIndex, Stored()))
    found = await reading.matches(Plan("acme", None, is_even), fetch, NEWEST_FIRST, None, 100)
    other.cancel()
    assert [hit.position for hit in found] == list(range(2, 31, 2))
    assert len(turns) >= len(HITS)


@pytest.mark.parametrize("late", [False, True])
async def test_what_is_complete_is_told_however_late(
    monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """late: the time is over before the last events are read."""
    now = 0.0
    monkeypatch.setattr(deciding, "monotonic", lambda: now)

    async def fetch(after: Key | None, limit: int) -> list[Hit]:
        nonlocal now
        now += late * 2 * SECONDS
        return HITS[:5]

    def takes_long(_: Sequence[bool], _body: Any) -> bool:
        nonlocal now
        now += SECONDS
        return True

    plan = Plan("acme", None, takes_long)
    reading = Deciding(cast(SearchIndex, Stored())).matches(plan, fetch, NEWEST_FIRST, None, 100)
    if late:
        with pytest.raises(TooCostly):
            await reading
    else:
        assert await reading == HITS[:5]


async def test_what_is_short_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "monotonic", lambda: 0.0)
    turns: list[int] = []
    other = asyncio.create_task(others(turns))
    slices = Slices()
    for _ in range(10):
        await slices.cut()
    assert turns == []
    other.cancel()
