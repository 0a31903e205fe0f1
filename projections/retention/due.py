"""What is due: of orders and their events, counted by the database some thousand orders at a time.

Each statement is about a range of order ids: whatever plan it gets, a page costs no more than its
share of one walk over the tenant's events. `received_at` never decreases along the sequence, so a
limit on it is one on the sequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from application.ports import EventReader
from application.retention.ports import DueOrder, DueSnapshot, EventSample, Place
from domain.errors import Unavailable
from domain.retention.due import FOREVER, DueEvents, DueSnapshots
from infrastructure.postgres.connect import Pool, store_errors
from projections.orders.queries import OrderQueries

ORDERS_AT_ONCE = 20_000
"""Fewer make a look-up of each event's values the better plan, which all together takes longer."""
SNAPSHOTS_AT_ONCE = 1000
_PATIENCE = 30.0

# One look into the index for each type that there is.
TYPES = """
with recursive types as (
  (select type from order_events where tenant_id = %(tenant)s order by type limit 1)
  union all
  select (select n.type from order_events n
           where n.tenant_id = %(tenant)s and n.type > types.type order by n.type limit 1)
    from types where types.type is not null)
select type from types where type is not null
"""
COUNT_ORDERS = "select count(*) from orders where tenant_id = %(tenant)s"
RANGE = """
select order_id from orders where tenant_id = %(tenant)s and order_id > %(after)s
 order by order_id limit 1 offset %(skip)s
"""
RECEIVED = "select received_us from events where tenant_id = %(tenant)s and sequence = %(sequence)s"
HEAD = "select max(sequence) from events where tenant_id = %(tenant)s"
# What is due and can still be disclosed; `kept`: a duty of another policy keeps it.
_DUE = """
  from order_events e
  join unnest(%(types)s::text[], %(free_us)s::bigint[], %(free_sequence)s::bigint[])
    as free(type, occurred_us, sequence) on free.type = e.type
 cross join lateral (
       select e.occurred_us > free.occurred_us or e.sequence > free.sequence as it) as kept
 where e.tenant_id = %(tenant)s
   and e.occurred_us <= %(due_us)s and e.sequence <= %(due_sequence)s
   and exists (select from disclosures d
                where d.tenant_id = e.tenant_id and d.sequence = e.sequence)
"""
ORDERS = f"""
select e.order_id, count(*) filter (where not kept.it), count(*) filter (where kept.it),
       min(array[e.occurred_us, e.sequence]) filter (where not kept.it),
       max(e.occurred_us) filter (where not kept.it)
{_DUE}
   and e.order_id > %(after)s and (%(last)s::text is null or e.order_id <= %(last)s)
 group by e.order_id
"""
SEQUENCES = f"""
select e.order_id, array_agg(e.sequence order by e.sequence)
{_DUE}
   and e.order_id = any(%(orders)s::text[]) and not kept.it
 group by e.order_id
"""
SAMPLES = """
select o.order_id, e.event_id, e.sequence, o.type, o.occurred_us, e.received_us
  from order_events o
  join events e on e.tenant_id = o.tenant_id and e.sequence = o.sequence
 where o.tenant_id = %(tenant)s and o.sequence = any(%(sequences)s::bigint[])
"""
COUNT_SNAPSHOTS = "select count(*) from order_snapshots where tenant_id = %(tenant)s"
SNAPSHOTS = """
select s.snapshot_id, s.order_id, s.captured_us, s.sequence,
       array_remove(array[state.it ->> 'customer_id', state.it #>> '{customer,id}'], null),
       s.captured_us <= %(due_us)s and (not %(disclosed)s or exists (
         select from disclosures d where d.tenant_id = s.tenant_id and d.sequence = s.sequence))
  from order_snapshots s
 cross join lateral (select convert_from(s.state, 'UTF8')::jsonb as it offset 0) as state
 where s.tenant_id = %(tenant)s and s.snapshot_id > %(after)s
 order by s.snapshot_id limit %(limit)s
"""


class DueQueries:
    """Implements `application.retention.ports.Due`."""

    def __init__(self, pool: Pool, reader: EventReader) -> None:
        self._pool = pool
        self._reader = reader
        self._orders = OrderQueries(pool)

    async def caught_up(self, tenant_id: str) -> None:
        head = (await self._reader.head(tenant_id)).sequence
        if not await self._orders.wait_for(tenant_id, head, _PATIENCE):
            raise Unavailable("the read models have not all that is recorded yet")
        if await self._orders.left_out(tenant_id):
            raise Unavailable("the read models lack events that they could not take; see `doctor`")

    async def types(self, tenant_id: str) -> Sequence[str]:
        return [row[0] for row in await self._rows(TYPES, tenant_id)]

    async def orders(
        self, tenant_id: str, due: DueEvents, place: Place
    ) -> tuple[list[DueOrder], Place]:
        total = await self._total(COUNT_ORDERS, tenant_id, place)
        ends = await self._rows(RANGE, tenant_id, after=place.after, skip=ORDERS_AT_ONCE - 1)
        last = ends[0][0] if ends else None
        rows = await self._rows(
            ORDERS, tenant_id, after=place.after, last=last, **await self._limits(tenant_id, due)
        )
        found = [
            DueOrder(order_id, events, kept, first and (first[0], first[1]), last_us)
            for order_id, events, kept, first, last_us in sorted(rows)
        ]
        if last is None:
            return found, Place("", total, total, more=False)
        return found, Place(last, place.done + ORDERS_AT_ONCE, total)

    async def sequences(
        self, tenant_id: str, due: DueEvents, order_ids: Sequence[str]
    ) -> Mapping[str, Sequence[int]]:
        limits = await self._limits(tenant_id, due)
        return dict(await self._rows(SEQUENCES, tenant_id, orders=list(order_ids), **limits))

    async def samples(self, tenant_id: str, sequences: Sequence[int]) -> Sequence[EventSample]:
        rows = await self._rows(SAMPLES, tenant_id, sequences=list(sequences))
        found = {row[2]: EventSample(*row) for row in rows}
        return [found[sequence] for sequence in sequences if sequence in found]

    async def snapshots(
        self, tenant_id: str, due: DueSnapshots, place: Place, *, disclosed: bool
    ) -> tuple[list[DueSnapshot], Place]:
        total = await self._total(COUNT_SNAPSHOTS, tenant_id, place)
        rows = await self._rows(
            SNAPSHOTS, tenant_id, after=place.after, due_us=due.due_us, disclosed=disclosed,
            limit=SNAPSHOTS_AT_ONCE,
        )  # fmt: skip
        found = [DueSnapshot(*row[:5]) for row in rows if row[5]]
        if len(rows) < SNAPSHOTS_AT_ONCE:
            return found, Place("", total, total, more=False)
        return found, Place(rows[-1][0], place.done + len(rows), total)

    async def _total(self, count: str, tenant_id: str, place: Place) -> int:
        """No less than what is done: new ones come in meanwhile."""
        if place.done == 0:
            ((total,),) = await self._rows(count, tenant_id)
            return int(total)
        return max(place.total, place.done)

    async def _limits(self, tenant_id: str, due: DueEvents) -> dict[str, Any]:
        received = {one.received_us for one in (due.due, *due.free.values())}
        sequences = {us: await self._received_by(tenant_id, us) for us in received}
        return {
            "types": list(due.free),
            "free_us": [one.occurred_us for one in due.free.values()],
            "free_sequence": [sequences[one.received_us] for one in due.free.values()],
            "due_us": due.due.occurred_us,
            "due_sequence": sequences[due.due.received_us],
        }

    async def _received_by(self, tenant_id: str, received_us: int) -> int:
        """The last sequence that was received by then."""
        if received_us == FOREVER:
            return FOREVER
        ((head,),) = await self._rows(HEAD, tenant_id)
        low, high = 0, (head or 0) + 1
        while high - low > 1:
            middle = (low + high) // 2
            ((at,),) = await self._rows(RECEIVED, tenant_id, sequence=middle)
            low, high = (middle, high) if at <= received_us else (low, middle)
        return low

    async def _rows(self, text: str, tenant_id: str, **values: object) -> list[tuple[Any, ...]]:
        with store_errors():
            async with self._pool.connection() as connection:
                # A plan that is kept would be for any range, and knows nothing of this one.
                cursor = await connection.execute(
                    text.encode(), {"tenant": tenant_id, **values}, binary=True, prepare=False
                )
                return await cursor.fetchall()
