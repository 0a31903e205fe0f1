"""Implements `application.search.ports.SearchIndex` on the orders read model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from time import monotonic

from msgspec import structs

from application.search.ports import Hit, Key, Order, Plan
from domain.errors import Invalid, TooCostly
from domain.search.hashing import TermHash
from domain.search.query import Node
from infrastructure.postgres.connect import Pool
from projections.search import statements as sql
from projections.search.conditions import Condition, compile_query
from projections.search.order_statements import having, in_orders
from projections.search.orders import OrdersFound
from projections.search.running import Rows, Running
from projections.search.shapes import asks_history, parts_of

MOST_IDENTS = 1000
"""Identifiers that a part may stand for."""
MOST_IDENTS_IN_ALL = 5000
"""That all parts of a question may: each is hashed."""
_LOOKED_UP_WITHIN = 10.0
"""Seconds that all parts may take together, each being a statement of its own."""
_OF_ORDERS = ("last_event_at", "created_at", "total_minor")


class SearchQueries:
    """Reads through a pool whose connections have the cell on their search path."""

    def __init__(self, pool: Pool, hashes: TermHash) -> None:
        self._hashes = hashes
        self._run = Running(pool, hashes.fingerprint)
        self._orders = OrdersFound(self._run)

    async def plan(self, tenant_id: str, node: Node) -> Plan:
        found = await self._all_idents(tenant_id, set(parts_of(node)))
        asked = compile_query(node, tenant_id, self._hashes, found)
        if not asks_history(node):
            asked = structs.replace(asked, sql=f"{asked.sql} and order_id is not null")
        return Plan(tenant_id, asked, asked.decide)

    async def hits(self, plan: Plan, order: Order, after: Key | None, limit: int) -> list[Hit]:
        if order.by == "relevance":
            return await self._ranked(plan, after, limit)
        if order.by == "amount":
            return await self._by_amount(plan, order, after, limit)
        found = await self._run.peeked(plan, order, after, limit, sql.PEEKED)
        if 0 < len(found) < limit and (further := _further(found, order, limit)):
            found = await self._run.peeked(plan, order, after, limit, further)
        if len(found) == limit:
            return found
        asked: Condition = plan.condition
        all_ = await self._run.collected(
            plan, sql.collected(asked, order, after=after is not None), after, limit
        )
        if all_ is not None:
            return all_
        found = await self._run.peeked(plan, order, after, limit, sql.PEEKED_FURTHER)
        if len(found) == limit:
            return found
        return await self._run.hits(
            plan, sql.hits(asked, order, after=after is not None), after, limit
        )

    async def orders(self, plan: Plan, order: Order, after: Key | None, limit: int) -> list[Hit]:
        return await self._orders.next(plan, order, after, limit)

    async def _ranked(self, plan: Plan, after: Key | None, limit: int) -> list[Hit]:
        asked, behind = plan.condition, after is not None
        collected = sql.collected(asked, Order("relevance"), after=behind)
        ranked = sql.ranked(asked, after=behind)
        return await self._run.ranked(plan, after, limit, collected=collected, ranked=ranked)

    async def _by_amount(
        self, plan: Plan, order: Order, after: Key | None, limit: int
    ) -> list[Hit]:
        """Those without an amount come last, whichever the direction."""
        found: list[Hit] = []
        in_tail = after is not None and after[0] is None
        if not in_tail:
            text = sql.hits(plan.condition, order, after=after is not None)
            found = await self._run.hits(plan, text, after, limit)
        if len(found) < limit:
            text = sql.hits(plan.condition, order, after=in_tail, without_amount=True)
            rest = after[1:] if in_tail and after else None
            found += await self._run.hits(plan, text, rest, limit - len(found))
        return found

    async def states(self, plan: Plan, hits: Sequence[Hit]) -> list[bytes]:
        positions = {"positions": [hit.position for hit in hits]}
        rows = await self.rows(sql.STATES, plan.tenant_id, positions)
        states: dict[int, bytes] = dict(rows)
        return [states[hit.position] for hit in hits]

    async def in_orders(
        self,
        plan: Plan,
        order_ids: Sequence[str],
        since: Key | None,
        after: Key | None,
        limit: int,
    ) -> list[Hit]:
        text = in_orders(plan.condition, since=since is not None, after=after is not None)
        since_us, since_sequence = since or (None, None)
        return await self._run.hits(
            plan,
            text,
            after,
            limit,
            order_ids=list(order_ids),
            since_us=since_us,
            since_sequence=since_sequence,
        )

    async def having(self, plan: Plan, order_ids: Sequence[str]) -> list[str]:
        values = {**plan.condition.parameters, "order_ids": list(order_ids)}
        rows = await self.rows(having(plan.condition), plan.tenant_id, values)
        return [order_id for (order_id,) in rows]

    async def explain(self, plan: Plan, order: Order, *, orders: bool, limit: int) -> list[str]:
        if orders and (plan.decide is None or order.by in _OF_ORDERS):
            text = self._orders.text(plan, order)
        elif order.by == "relevance":
            text = sql.ranked(plan.condition, after=False)
        else:
            text = sql.hits(plan.condition, order, after=False)
        values = {**plan.condition.parameters, "limit": limit, "bound": 2**62}
        ((found,),) = await self.rows(f"explain (format json) {text}", plan.tenant_id, values)
        return sorted(set(_indexes(found)))

    async def rows(self, text: str, tenant_id: str, values: Mapping[str, object]) -> Rows:
        """Run a statement of this tenant. Raises as `Running.rows`."""
        return await self._run.rows(text, tenant_id, values)

    async def _all_idents(self, tenant_id: str, parts: Collection[str]) -> dict[str, list[str]]:
        """Of each part the identifiers that have it."""
        found: dict[str, list[str]] = {}
        count, end = 0, monotonic() + _LOOKED_UP_WITHIN
        for part in parts:
            found[part] = await self._idents(tenant_id, part)
            count += len(found[part])
            if count > MOST_IDENTS_IN_ALL:
                most = f"{MOST_IDENTS_IN_ALL:,}"
                detail = f"all idents together are contained in more than {most} identifiers"
                raise Invalid.field("/query", f"{detail}: give more of them")
            if monotonic() > end:
                raise TooCostly
        return found

    async def _idents(self, tenant_id: str, part: str) -> list[str]:
        values = {"part": part, "limit": MOST_IDENTS + 1}
        found = await self.rows(sql.IDENTS, tenant_id, values)
        if len(found) > MOST_IDENTS:
            # Which part it is, is not said: it may be of an address or of a telephone number.
            most = f"{MOST_IDENTS:,}"
            detail = f"more than {most} identifiers contain what an ident asks for: give more of it"
            raise Invalid.field("/query", detail)
        return [value for (value,) in found]


def _further(found: Sequence[Hit], order: Order, limit: int) -> int | None:
    """Among how many events to look next, having found these few among PEEKED: half as many again
    as would be enough, if hits are spread evenly. None where all of them may be collected; and
    where that would be more than PEEKED_FURTHER."""
    if not order.descending:
        return None
    events = found[0].sequence  # of the tenant; about as many, for what is newest came last
    among = sql.PEEKED * limit * 3 // (2 * len(found))
    in_all = events * len(found) // sql.PEEKED
    return among if in_all > sql.COLLECTED and among <= sql.PEEKED_FURTHER else None


def _indexes(plan: object) -> Iterator[str]:
    """The names of indexes in EXPLAIN's JSON."""
    if isinstance(plan, list):
        for one in plan:
            yield from _indexes(one)
    if isinstance(plan, dict):
        if "Index Name" in plan:
            yield plan["Index Name"]
        for one in plan.values():
            yield from _indexes(one)
