"""What the orders read model answers. Every method names the tenant first, and sees no other's.

All of them raise Unavailable while the database is away.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal

import msgspec
from msgspec import Struct

from domain.access.scope import ANYTHING, Reach
from infrastructure.postgres.arrays import TextColumn
from infrastructure.postgres.connect import Pool, store_errors
from projections.orders import statements as sql
from projections.orders.aggregate import Aggregate, Rows, aggregate_of
from projections.orders.filters import OrderFilters, given, type_filter
from projections.orders.model import NAME
from projections.orders.statements import Sort
from projections.orders.within import events_within, orders_within

_NAMED = re.compile(r"%\((\w+)\)s")
_FIRST_LOOK = 0.005
_LONGEST_LOOK = 0.05


class EventKey(Struct, frozen=True):
    """An event's place: enough to fetch its body and to continue a list behind it."""

    position: int
    sequence: int
    occurred_us: int


class OrderSummary(Struct, frozen=True):
    """An order as lists show it. `first_us` and `last_us` are occurred_at of its events."""

    order_id: str
    number: str | None
    status: str | None
    channel: str | None
    currency: str | None
    customer_id: str | None
    total_minor: int | None
    on_hold: bool
    skus: list[str]
    created_us: int
    first_us: int
    last_us: int
    last_sequence: int
    event_count: int

    def key(self, sort: Sort) -> tuple[int | None, str]:
        """The `after` that continues a list behind this order."""
        if sort == "total_minor":
            return self.total_minor, self.order_id
        return self.created_us if sort == "created_at" else self.last_us, self.order_id


class OrderQueries:
    """Reads through a pool whose connections have the cell on their search path."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def order_exists(self, tenant: str, order_id: str) -> bool:
        return bool(await self._rows(sql.ORDER_EXISTS, tenant, {"order_id": order_id}))

    async def timeline(  # noqa: PLR0913  # what the timeline filters on
        self,
        tenant: str,
        order_id: str,
        *,
        from_us: int | None = None,
        to_us: int | None = None,
        type_pattern: str | None = None,
        order: Literal["occurred", "sequence"] = "occurred",
        after: tuple[int, int] | None = None,
        limit: int = 50,
        reach: Reach = ANYTHING,
        maintenance: bool = False,
    ) -> list[EventKey]:
        """An order's events by (occurred_us, sequence) or by sequence; empty for an unknown order.
        Without system maintenance, unless that is asked for.

        `from_us` includes, `to_us` excludes. `after` is (occurred_us, sequence) of the last one
        seen, whatever the order. Here and elsewhere: what is not within `reach` is not there.
        """
        within, bound = events_within(reach)
        values = given({"order_id": order_id, "from_us": from_us, "to_us": to_us})
        values |= type_filter(type_pattern)
        text = sql.timeline(
            frozenset(values), order == "sequence", after is not None, maintenance, within
        )
        values |= bound
        if after is not None:
            values |= {"after_us": after[0], "after_sequence": after[1]}
        return [EventKey(*row) for row in await self._rows(text, tenant, values, limit)]

    async def events(  # noqa: PLR0913  # what GET /events filters on
        self,
        tenant: str,
        *,
        order_id: str | None = None,
        type: str | None = None,  # noqa: A002  # its name there
        source: str | None = None,
        from_us: int | None = None,
        to_us: int | None = None,
        actor_id: str | None = None,
        after_sequence: int | None = None,
        limit: int = 50,
        history: bool = False,
        acts: bool = True,
        reach: Reach = ANYTHING,
    ) -> list[EventKey]:
        """A tenant's events by sequence. `type` may be a pattern (`order.payment.*`); `history`
        lets the service's own events in, for those who asked for them by type; `acts`: whether
        those of them that tell what was done to the service, too."""
        values = given(
            {
                "order_id": order_id,
                "source": source,
                "from_us": from_us,
                "to_us": to_us,
                "actor_id": actor_id,
                "after_sequence": after_sequence,
            }
        )
        values |= type_filter(type)
        names = frozenset(values)
        span: sql.Span | None = None
        if names & sql.WINDOW and order_id is None:  # an order's events are few in any
            found = await self._rows(sql.span(names), tenant, values)
            if not found or found[0][0] is None:
                return []
            first, last = max(found[0][0], (after_sequence or 0) + 1), found[0][1]
            span = "short" if last - first < sql.SHORT else "long"
            values |= {"first_sequence": first, "last_sequence": last}
        within, bound = events_within(reach)
        text = sql.events(names, history, span, within, acts=acts or not history)
        values |= bound
        rows = await self._rows(text, tenant, values, limit, skewed=True)
        return [EventKey(*row) for row in rows]

    async def aggregate(self, tenant: str, order_id: str) -> Aggregate | None:
        """An order's history in numbers; None for an unknown order."""
        rows = await self._rows(sql.AGGREGATE, tenant, {"order_id": order_id})
        return aggregate_of(order_id, rows) if rows else None

    async def list_orders(
        self,
        tenant: str,
        filters: OrderFilters | None = None,
        *,
        sort: Sort = "last_event_at",
        after: tuple[int | None, str] | None = None,
        limit: int = 50,
        reach: Reach = ANYTHING,
    ) -> list[OrderSummary]:
        """Orders, newest (or highest total) first; those without a total come last by total.

        `after` is `OrderSummary.key(sort)` of the last one seen. Sorted by created_at, a walk
        meets each order that was there at its start exactly once.
        """
        values = given(msgspec.structs.asdict(filters or OrderFilters()))
        names = frozenset(values)
        within, bound = orders_within(reach)
        values |= bound
        if after is not None:
            values |= {"after_key": after[0], "after_order": after[1]}
        in_tail = after is not None and after[0] is None
        rows: Rows = []
        if not in_tail:
            text = sql.orders(names, sort, after is not None, within=within)
            rows = await self._rows(text, tenant, values, limit, skewed=bool(names or within))
        if sort == "total_minor" and len(rows) < limit:
            text = sql.orders(names, sort, in_tail, without_total=True, within=within)
            rows += await self._rows(text, tenant, values, limit - len(rows), skewed=bool(names))
        return [OrderSummary(*row) for row in rows]

    async def by_ids(self, tenant: str, order_ids: Sequence[str]) -> list[OrderSummary]:
        """These orders, in the order given; one that is not there is left out."""
        rows = await self._rows(sql.BY_IDS, tenant, {"order_ids": list(order_ids)}, skewed=True)
        found = {row[0]: OrderSummary(*row) for row in rows}
        return [found[one] for one in order_ids if one in found]

    async def channels(self, tenant: str, order_ids: Sequence[str]) -> dict[str, str | None]:
        """The channel of each of these orders that are there, as it is now."""
        rows = await self._rows(sql.CHANNELS, tenant, {"order_ids": TextColumn(order_ids)})
        return dict(rows)

    async def of_customer(self, tenant: str, customer_id: str) -> list[str]:
        """All orders whose customer this is now."""
        values = {"customer_id": customer_id}
        return [row[0] for row in await self._rows(sql.OF_CUSTOMER, tenant, values, skewed=True)]

    async def reached(self, tenant: str, sequence: int) -> bool:
        """Whether the read model holds the tenant's events up to this sequence."""
        if sequence <= 0:
            return True
        values = {"model": NAME, "sequence": sequence}
        return bool(await self._rows(sql.REACHED, tenant, values))

    async def wait_for(self, tenant: str, sequence: int, timeout: float) -> bool:
        """As `reached`, after at most `timeout` seconds. Holds no connection while it waits."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        pause = _FIRST_LOOK
        while not await self.reached(tenant, sequence):
            if loop.time() + pause > end:
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_LOOK)
        return True

    async def left_out(self, tenant: str) -> bool:
        """Whether the read model lacks events of the tenant that it could not take."""
        return bool(await self._rows(sql.LEFT_OUT, tenant, {"model": NAME}))

    async def _rows(
        self,
        text: str,
        tenant: str,
        values: Mapping[str, object],
        limit: int | None = None,
        *,
        skewed: bool = False,
    ) -> Rows:
        """`skewed`: the best plan depends on the values, some being rare and some common, so that
        none is kept for all of them."""
        parameters = {**values, "tenant": tenant, "limit": limit}
        if any("\0" in value for value in parameters.values() if isinstance(value, str)):
            return []  # no stored text has this character, and PostgreSQL takes none that has
        with store_errors():
            if skewed:
                async with self._pool.connection() as connection:
                    cursor = await connection.execute(text, parameters, binary=True, prepare=False)
                    return await cursor.fetchall()
            statement, names = _positional(text)
            async with self._pool.wire() as wire:
                part = wire.part()
                answer = part.run(statement, *(parameters[name] for name in names))
                await part.done()
        return answer.rows()


@cache
def _positional(text: str) -> tuple[str, Sequence[str]]:
    """A statement with %s for its %(name)s, and the names in their order."""
    parts = _NAMED.split(text)
    return "%s".join(parts[::2]), parts[1::2]
