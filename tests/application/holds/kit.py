"""Holds on a real ledger, and a search that is told what it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from application.audit.acts import Acts
from application.holds.choke import ChokePoint
from application.search.searching import Search
from domain.audit.acts import Doer
from domain.holds.holds import Asked, Holds, Target
from domain.search.query import Node
from infrastructure.event_store.reader import Reader

ANN = Doer("ann", "192.0.2.7")
QUERY = Target("query", query=b'{"text":"lost"}')


class ToldSearch:
    """Answers as it is told, and remembers which orders it was asked about."""

    def __init__(self) -> None:
        self.answer: Callable[[Sequence[str]], set[str]] = lambda _: set()
        self.asked: list[Sequence[str]] = []

    async def having(self, _: str, __: Node, order_ids: Sequence[str]) -> set[str]:
        self.asked.append(order_ids)
        return self.answer(order_ids)


class ToldModel:
    """A read model that is where it is told to be."""

    behind = False
    lacking = False

    def __init__(self) -> None:
        self.waited_for: list[int] = []

    async def wait_for(self, _: str, sequence: int, timeout: float) -> bool:
        self.waited_for.append(sequence)
        return not self.behind

    async def left_out(self, _: str) -> bool:
        return self.lacking


class Clock:
    now_us = 1_750_000_000_000_000

    def __call__(self) -> int:
        return self.now_us


class World:
    """A choke point, and what it asks."""

    def __init__(self, acts: Acts, reader: Reader, clock: Clock) -> None:
        self.acts = acts
        self.clock = clock
        self.search, self.model = ToldSearch(), ToldModel()
        self.choke = ChokePoint(acts, cast(Search, self.search), self.model, reader, clock)

    async def place(self, tenant: str, hold_id: str, target: Target, **asked: Any) -> None:
        one = Asked(target, "case_1", **asked)
        await self.acts.act(
            tenant, ANN, Holds, lambda holds: holds.place(hold_id, one, self.clock())
        )

    async def release(self, tenant: str, hold_id: str) -> None:
        await self.acts.act(tenant, ANN, Holds, lambda holds: holds.release(hold_id, self.clock()))


def order(order_id: str) -> Target:
    return Target("order", order_id)
