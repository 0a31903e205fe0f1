"""Deciding by their bodies which candidates are meant, within a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from time import monotonic
from typing import Any

import msgspec
from msgspec import Struct

from application.search.ports import SECONDS, Hit, Key, Order, Plan, SearchIndex, key_of
from domain.errors import TooCostly

CANDIDATES = 2000
"""That are looked up at once."""
AT_ONCE = 500
"""Bodies that are read at once."""
SLICE = 0.001
"""Seconds that work goes on without letting others have their turn."""

Fetch = Callable[[Key | None, int], Awaitable[list[Hit]]]
"""The next candidates after a key."""
Read = tuple[Hit, dict[str, Any]]


class _Body(Struct):
    type: str
    source: str
    payload: dict[str, Any]
    metadata: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Body).decode


class Slices:
    """Work that takes long, cut so that others have their turn in between."""

    def __init__(self) -> None:
        self._begun = monotonic()

    async def cut(self) -> None:
        """Let others go first, once this has gone on for a SLICE."""
        if monotonic() - self._begun > SLICE:
            await asyncio.sleep(0)
            self._begun = monotonic()


class Deciding:
    """Reads the events that an index finds."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index

    async def matches(
        self, plan: Plan, fetch: Fetch, order: Order, after: Key | None, limit: int
    ) -> list[Hit]:
        """The next matches after a key. Raises TooCostly after SECONDS."""
        if plan.decide is None:
            return await fetch(after, limit)
        found: list[Hit] = []
        async for reads in self.read(plan, fetch, order, after, min(AT_ONCE, 4 * limit)):
            found += [hit for hit, _ in reads]
            if len(found) >= limit:
                break
        return found[:limit]

    async def read(
        self, plan: Plan, fetch: Fetch, order: Order, after: Key | None, first: int = CANDIDATES
    ) -> AsyncIterator[list[Read]]:
        """Every match after a key, some at a time, with its type, source, payload and metadata.
        first: candidates to begin with. Raises TooCostly after SECONDS."""
        end = monotonic() + SECONDS
        wanted = first
        while True:
            candidates = await fetch(after, wanted)
            for start in range(0, len(candidates), AT_ONCE):
                if monotonic() > end:
                    raise TooCostly
                yield await self._decided(plan, candidates[start : start + AT_ONCE])
            if len(candidates) < wanted:
                return
            after = key_of(candidates[-1], order)
            wanted = CANDIDATES

    async def _decided(self, plan: Plan, candidates: Sequence[Hit]) -> list[Read]:
        """Those of the candidates that are meant, with their bodies."""
        states = await self._index.states(plan, candidates)
        decide, slices = plan.decide, Slices()
        found: list[Read] = []
        for hit, state in zip(candidates, states, strict=True):
            body = msgspec.structs.asdict(_decode(state))
            if decide is None or decide(hit.said, body):
                found.append((hit, body))
            await slices.cut()
        return found
