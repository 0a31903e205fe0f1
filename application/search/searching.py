"""Finding events and orders: a page of what a question means."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from application.search.deciding import Deciding
from application.search.deciding_orders import DecidingOrders
from application.search.ports import NEWEST_FIRST, Hit, Key, Order, Plan, SearchIndex, key_of
from domain.search.query import Node


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
        self._deciding_orders = DecidingOrders(index)

    async def events(
        self, tenant_id: str, node: Node, order: Order, after: Key | None, limit: int
    ) -> Found:
        """The events that the question is true of."""
        plan = await self._index.plan(tenant_id, node)
        hits = await self._events(plan, order, after, limit + 1)
        return _page(hits, order, limit)

    async def orders(
        self,
        tenant_id: str,
        node: Node,
        after: Key | None,
        limit: int,
        order: Order = NEWEST_FIRST,
    ) -> Found:
        """The orders that have such an event, each as its newest one, by relevance as its best."""
        plan = await self._index.plan(tenant_id, node)
        orders = self._index.orders if plan.decide is None else self._deciding_orders.orders
        return _page(await orders(plan, order, after, limit + 1), order, limit)

    async def having(self, tenant_id: str, node: Node, order_ids: Sequence[str]) -> set[str]:
        """Which of these orders, a few hundred at the most, have an event that the question is true
        of."""
        plan = await self._index.plan(tenant_id, node)
        if plan.decide is None:
            return set(await self._index.having(plan, order_ids))
        return await self._deciding_orders.having(plan, order_ids, None)

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


def _page(hits: list[Hit], order: Order, limit: int) -> Found:
    page = hits[:limit]
    return Found(page, key_of(page[-1], order) if len(hits) > limit else None)
