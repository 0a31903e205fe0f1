"""Deciding by the bodies of events which orders have one that is meant, within a bounded time.

An order is listed once, at the place of its newest match (or of its best, or at its own): so of
whatever is met, it must be known whether another match of the same order stands for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any, cast

from application.search.deciding import Deciding, Fetch
from application.search.ports import (
    NEWEST_FIRST,
    SECONDS,
    Hit,
    Key,
    Order,
    Plan,
    SearchIndex,
    key_of,
)
from domain.errors import TooCostly

_OLDEST_FIRST = Order(descending=False)
_AT_ONCE = 200
"""Orders, or matches, that are looked at together."""
_BEST = (2**31 - 1, 2**62, 2**62)
"""Ranked before every hit: (score, occurred_us, sequence)."""


class DecidingOrders:
    """Lists the orders of a plan that leaves something open. Raises TooCostly after SECONDS."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index
        self._deciding = Deciding(index)

    async def orders(self, plan: Plan, order: Order, after: Key | None, limit: int) -> list[Hit]:
        """As `SearchIndex.orders`, of what is meant."""
        if order.by == "relevance":
            return await self._best(plan, after, limit)
        if order.by != "occurred_at":
            return await self._by_order(plan, order, after, limit)
        if order.descending:
            return await self._newest_first(plan, after, limit)
        return await self._oldest_first(plan, after, limit)

    async def _newest_first(self, plan: Plan, after: Key | None, limit: int) -> list[Hit]:
        """Each match is the newest of its order unless that was met before, on this page or on
        those before it."""
        found: dict[str, Hit] = {}
        met: set[str] = set()
        start, end = after, monotonic() + SECONDS
        while len(found) < limit:
            hits = await self._matches(plan, NEWEST_FIRST, after, limit)
            new = {}
            for hit in hits:
                if hit.order_id is not None and hit.order_id not in met:
                    met.add(hit.order_id)
                    new[hit.order_id] = hit
            if start is not None and new:
                for order_id in await self.having(plan, list(new), start):
                    del new[order_id]
            found |= new
            if len(hits) < limit:
                break
            after = key_of(hits[-1], NEWEST_FIRST)
            _in_time(end)
        return list(found.values())[:limit]

    async def _oldest_first(self, plan: Plan, after: Key | None, limit: int) -> list[Hit]:
        """Of each order the last match met, unless a newer one is still to come."""
        found: list[Hit] = []
        count, end = max(limit, _AT_ONCE), monotonic() + SECONDS
        while len(found) < limit:
            hits = await self._matches(plan, _OLDEST_FIRST, after, count)
            last = {hit.order_id: hit for hit in hits if hit.order_id is not None}
            if last:
                behind = (hits[-1].occurred_us, hits[-1].sequence + 1)
                for order_id in await self.having(plan, list(last), behind):
                    del last[order_id]
                found += sorted(last.values(), key=lambda hit: (hit.occurred_us, hit.sequence))
            if len(hits) < count:
                break
            after = key_of(hits[-1], _OLDEST_FIRST)
            _in_time(end)
        return found[:limit]

    async def _best(self, plan: Plan, after: Key | None, limit: int) -> list[Hit]:
        """From the best match on, on each page: which orders the pages before it have is known by
        their best matches alone."""
        best = Order("relevance")
        met: dict[str, Hit] = {}
        behind: list[Hit] = []
        start = None if after is None else (after[0], *_BEST)
        async for reads in self._deciding.read(plan, self._fetch(plan, best), best, start):
            for hit, _ in reads:
                if hit.order_id is not None and hit.order_id not in met:
                    met[hit.order_id] = hit
                    if after is None or _numbers(key_of(hit, best)) < _numbers(after):
                        behind.append(hit)
            if len(behind) >= limit:
                break
        return behind[:limit]

    async def _by_order(self, plan: Plan, order: Order, after: Key | None, limit: int) -> list[Hit]:
        """Of the orders that may have a match, those that have one."""
        found: list[Hit] = []
        end = monotonic() + SECONDS
        while len(found) < limit:
            orders = await self._index.orders(plan, order, after, _AT_ONCE)
            ids = [hit.order_id for hit in orders if hit.order_id is not None]
            having = await self.having(plan, ids, None)
            found += [hit for hit in orders if hit.order_id in having]
            if len(orders) < _AT_ONCE:
                break
            after = key_of(orders[-1], order)
            _in_time(end)
        return found[:limit]

    async def having(self, plan: Plan, order_ids: Sequence[str], since: Key | None) -> set[str]:
        """Which of these orders have a match, one as new as `since` or newer if that is given."""

        async def fetch(key: Key | None, count: int) -> list[Hit]:
            return await self._index.in_orders(plan, order_ids, since, key, count)

        having: set[str] = set()
        async for reads in self._deciding.read(plan, fetch, NEWEST_FIRST, None):
            having |= {hit.order_id for hit, _ in reads if hit.order_id is not None}
            if len(having) == len(order_ids):
                break
        return having

    async def _matches(self, plan: Plan, order: Order, after: Key | None, limit: int) -> list[Hit]:
        return await self._deciding.matches(plan, self._fetch(plan, order), order, after, limit)

    def _fetch(self, plan: Plan, order: Order) -> Fetch:
        async def fetch(key: Key | None, count: int) -> list[Hit]:
            return await self._index.hits(plan, order, key, count)

        return fetch


def _in_time(end: float) -> None:
    if monotonic() > end:
        raise TooCostly


def _numbers(key: Key) -> tuple[int, ...]:
    """A key of relevance, in which nothing is missing."""
    return cast(tuple[Any, ...], key)
