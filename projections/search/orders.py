"""The orders that a question means, in each of their sorts."""

from __future__ import annotations

from collections.abc import Sequence

from application.search.ports import Hit, Key, Order, Plan
from projections.search import order_statements as sql
from projections.search import statements
from projections.search.running import Running


class OrdersFound:
    """As `SearchIndex.orders` says, on what runs the statements."""

    def __init__(self, run: Running) -> None:
        self._run = run

    async def next(self, plan: Plan, order: Order, after: Key | None, limit: int) -> list[Hit]:
        """The next orders after a key."""
        if order.by == "relevance":
            return await self._ranked(plan, after, limit)
        if order.by == "occurred_at":
            return await self._newest(plan, order, after, limit)
        found: list[Hit] = []
        in_tail = after is not None and after[0] is None
        if not in_tail:
            found = await self._by_order(plan, order, after, limit, tail=False)
        if order.by == "total_minor" and len(found) < limit:
            rest = after[1:] if in_tail and after else None
            found += await self._by_order(plan, order, rest, limit - len(found), tail=True)
        return found

    def text(self, plan: Plan, order: Order) -> str:
        """The statement of a first page, where nothing shortens it."""
        if order.by == "relevance":
            return sql.ranked(plan.condition, after=False)
        if order.by == "occurred_at":
            return sql.newest(plan.condition, order, after=False)
        return sql.walked(plan.condition, order, after=False, tail=False)

    async def _newest(self, plan: Plan, order: Order, after: Key | None, limit: int) -> list[Hit]:
        behind, found = after is not None, None
        peeked = await self._run.peeked(plan, order, after, limit, statements.PEEKED)
        if len(peeked) < limit:
            text = sql.collected_newest(plan.condition, order, after=behind)
            found = await self._run.collected(plan, text, after, limit)
        if found is None:
            text = sql.newest(plan.condition, order, after=behind)
            found = await self._run.hits(plan, text, after, limit)
        return found

    async def _ranked(self, plan: Plan, after: Key | None, limit: int) -> list[Hit]:
        asked, behind = plan.condition, after is not None
        collected = sql.collected_ranked(asked, after=behind)
        ranked = sql.ranked(asked, after=behind)
        return await self._run.ranked(plan, after, limit, collected=collected, ranked=ranked)

    async def _by_order(
        self, plan: Plan, order: Order, after: Sequence[object] | None, limit: int, *, tail: bool
    ) -> list[Hit]:
        asked, behind = plan.condition, after is not None
        if limit <= sql.WALKED // 2 and not asked.wide:
            text = sql.walked(asked, order, after=behind, tail=tail, among=sql.WALKED)
            found = await self._run.hits(plan, text, after, limit, settings=sql.BY_ORDER)
            if len(found) == limit:
                return found
        text = sql.collected_by(asked, order, after=behind, tail=tail)
        all_ = await self._run.collected(plan, text, after, limit, untermed=True)
        if all_ is not None:
            return all_
        text = sql.walked(asked, order, after=behind, tail=tail)
        return await self._run.hits(plan, text, after, limit, settings=sql.BY_ORDER)
