"""Finding events and orders: a page of what a question means."""

from __future__ import annotations

from time import monotonic

from msgspec import Struct

from application.search.deciding import Deciding
from application.search.ports import SECONDS, Hit, Key, Order, Plan, SearchIndex, key_of
from domain.errors import TooCostly
from domain.search.query import Node

NEWEST_FIRST = Order()


class Found(Struct, frozen=True):
    """A page: its hits, and the key behind which the next one begins, None at the end."""

    hits: list[Hit]
    next: Key | None


class Search:
    """Asks the index, and decides by the events' bodies what the index leaves open.

    All methods raise Invalid for a part of an identifier that too many have, TooCostly (which is
    Invalid) for what cannot be answered within `ports.SECONDS`, Unavailable.
    """

    def __init__(self, index: SearchIndex) -> None:
        self._index = index
        self._deciding = Deciding(index)

    async def events(
        self, tenant_id: str, node: Node, order: Order, after: Key | None, limit: int
    ) -> Found:
        """The events that the question is true of."""
        plan = await self._index.plan(tenant_id, node)
        hits = await self._events(plan, order, after, limit + 1)
        return _page(hits, order, limit)

    async def orders(self, tenant_id: str, node: Node, after: Key | None, limit: int) -> Found:
        """The orders that have such an event, each as its newest one; newest first."""
        plan = await self._index.plan(tenant_id, node)
        if plan.decide is None:
            hits = await self._index.newest_of_orders(plan, after, limit + 1)
        else:
            hits = await self._read_orders(plan, after, limit + 1)
        return _page(hits, NEWEST_FIRST, limit)

    async def explain(
        self, tenant_id: str, node: Node, order: Order, *, orders: bool, limit: int
    ) -> tuple[list[str], bool]:
        """The indexes that serve the question, and whether events are read to decide it."""
        plan = await self._index.plan(tenant_id, node)
        indexes = await self._index.explain(plan, order, orders=orders, limit=limit)
        return indexes, plan.decide is not None

    async def _events(self, plan: Plan, order: Order, after: Key | None, limit: int) -> list[Hit]:
        async def fetch(key: Key | None, count: int) -> list[Hit]:
            return await self._index.hits(plan, order, key, count)

        return await self._deciding.matches(plan, fetch, order, after, limit)

    async def _read_orders(self, plan: Plan, after: Key | None, limit: int) -> list[Hit]:
        """As `newest_of_orders`, of a plan that leaves something open: each match is the newest of
        its order unless that was met before, on this page or on those before it."""
        found: dict[str, Hit] = {}
        met: set[str] = set()
        start, end = after, monotonic() + SECONDS
        while len(found) < limit:
            hits = await self._events(plan, NEWEST_FIRST, after, limit)
            new = {}
            for hit in hits:
                if hit.order_id is not None and hit.order_id not in met:
                    met.add(hit.order_id)
                    new[hit.order_id] = hit
            if start is not None and new:
                for order_id in await self._listed(plan, list(new), start):
                    del new[order_id]
            found |= new
            if len(hits) < limit:
                break
            after = key_of(hits[-1], NEWEST_FIRST)
            if monotonic() > end:
                raise TooCostly
        return list(found.values())[:limit]

    async def _listed(self, plan: Plan, order_ids: list[str], after: Key) -> set[str]:
        """Which of these orders have a match at the key or before it in the list."""

        async def fetch(key: Key | None, count: int) -> list[Hit]:
            return await self._index.newer_in_orders(plan, order_ids, after, key, count)

        listed = set()
        async for reads in self._deciding.read(plan, fetch, NEWEST_FIRST, None):
            listed |= {hit.order_id for hit, _ in reads if hit.order_id is not None}
        return listed


def _page(hits: list[Hit], order: Order, limit: int) -> Found:
    page = hits[:limit]
    return Found(page, key_of(page[-1], order) if len(hits) > limit else None)
