"""Reads the event store itself: bodies, an order's events, the tail of a tenant's ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import structs

from application.ports import Head, StoredRow
from domain.ledger.hashing import GENESIS
from infrastructure.postgres.arrays import BigintColumn
from infrastructure.postgres.connect import Pool, store_errors

Parameters = Sequence[object] | Mapping[str, object]

_COLUMNS = "position, sequence, originator_version, received_us, entry, ledger_hash, state"

# A correction links to an event of the same order only, so the originator is compared as well.
_WITH_LINKS = f"""
select {_COLUMNS},
       (select array_agg(c.event_id order by c.sequence) from events c
         where c.tenant_id = e.tenant_id and c.correction_of = e.event_id
           and c.originator_id = e.originator_id and e.correction_of is null)
  from events e
"""

_ONE_BY_ID = "where tenant_id = %s and event_id = %s"
_ONE_BY_SEQUENCE = "where tenant_id = %s and sequence = %s"
BY_ID = _WITH_LINKS + _ONE_BY_ID
BY_SEQUENCE = _WITH_LINKS + _ONE_BY_SEQUENCE
# Beside the event, in the same trip. No column says whose an event is, and the read model may lag
# behind, so it is read from the event itself; which holds no U+0000 anywhere, that `->>` would fail
# at (domain/orders/screening.py).
_CHANNEL = """
select (select o.channel from orders o where o.tenant_id = e.tenant_id
           and o.order_id = convert_from(e.state, 'UTF8')::json ->> 'order_id')
  from events e
"""
CHANNEL_BY_ID = _CHANNEL + _ONE_BY_ID
CHANNEL_BY_SEQUENCE = _CHANNEL + _ONE_BY_SEQUENCE
AFTER = _WITH_LINKS + "where tenant_id = %s and sequence > %s order by sequence limit %s"
OF_ORDERS = (
    _WITH_LINKS
    + """where tenant_id = %(tenant)s and originator_id = any(%(originators)s)
   and originator_version > %(after)s and sequence <= %(until)s
 order by array_position(%(originators)s, originator_id), originator_version limit %(limit)s"""
)
CORRECTIONS = (
    _WITH_LINKS
    + """where tenant_id = %s and correction_of = %s and originator_id =
         (select originator_id from events where tenant_id = %s and event_id = %s)
   order by sequence"""
)

# A row for each correction: joining them costs less than half of an aggregate for each event. The
# sub-select hides how many positions are asked for, so that one plan serves all pages; else each
# page is planned anew, which takes as long as reading it.
BODIES = """
select e.position, e.sequence, e.originator_version, e.received_us, e.entry, e.ledger_hash, e.state,
       c.sequence, c.event_id
  from events e
  left join events c
    on c.tenant_id = e.tenant_id and c.correction_of = e.event_id
   and c.originator_id = e.originator_id and e.correction_of is null
 where e.tenant_id = %s and e.position = any((select %s::bigint[])::bigint[])
"""
HEAD = """
select sequence, ledger_hash, received_us from events
 where tenant_id = %s order by sequence desc limit 1
"""


class Reader:
    """Implements `application.ports.EventReader` on a pool of connections of one cell."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def by_id(
        self, tenant_id: str, event_id: str, *, channel: bool = False
    ) -> StoredRow | None:
        statements = [BY_ID, CHANNEL_BY_ID] if channel else [BY_ID]
        return await self._one(statements, tenant_id, event_id)

    async def by_sequence(
        self, tenant_id: str, sequence: int, *, channel: bool = False
    ) -> StoredRow | None:
        statements = [BY_SEQUENCE, CHANNEL_BY_SEQUENCE] if channel else [BY_SEQUENCE]
        return await self._one(statements, tenant_id, sequence)

    async def bodies(self, tenant_id: str, positions: Sequence[int]) -> list[StoredRow]:
        if not positions:
            return []
        rows = await self._rows(BODIES, (tenant_id, BigintColumn(positions)))
        return in_order(rows, positions)

    async def after(self, tenant_id: str, sequence: int, limit: int) -> list[StoredRow]:
        return await self._select(AFTER, (tenant_id, sequence, limit))

    async def of_orders(
        self,
        tenant_id: str,
        originators: Sequence[UUID],
        after: int,
        until: int,
        limit: int | None,
    ) -> list[StoredRow]:
        """Implements `application.subject_access.ports.OrderEvents`, with `bodies`."""
        parameters = {
            "tenant": tenant_id,
            "originators": list(originators),
            "after": after,
            "until": until,
            "limit": limit,
        }
        return await self._select(OF_ORDERS, parameters)

    async def corrections_of(self, tenant_id: str, event_id: str) -> list[StoredRow]:
        return await self._select(CORRECTIONS, (tenant_id, event_id, tenant_id, event_id))

    async def head(self, tenant_id: str) -> Head:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(HEAD, (tenant_id,), binary=True)
                row = await cursor.fetchone()
        return Head(*row) if row else Head(0, GENESIS, 0)

    async def _one(
        self, statements: Sequence[str], tenant_id: str, event: str | int
    ) -> StoredRow | None:
        with store_errors():
            async with self._pool.wire() as wire:
                part = wire.part()
                answers = [part.run(statement, tenant_id, event) for statement in statements]
                await part.done()
        found, *channels = [answer.rows() for answer in answers]
        if not found:
            return None
        row = _stored(found[0])
        return structs.replace(row, channel=channels[0][0][0]) if channels else row

    async def _select(self, statement: str, parameters: Parameters) -> list[StoredRow]:
        rows = await self._rows(statement, parameters)
        return list(map(_stored, rows))

    async def _rows(self, statement: str, parameters: Parameters) -> list[tuple[Any, ...]]:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(statement, parameters, binary=True)
                return await cursor.fetchall()


def _stored(row: tuple[Any, ...]) -> StoredRow:
    """An event of a statement _WITH_LINKS."""
    return StoredRow(*(*row[:7], tuple(row[7] or ())))


def in_order(rows: Sequence[tuple[Any, ...]], positions: Sequence[int]) -> list[StoredRow]:
    """The events of BODIES, in the order of these positions."""
    links: dict[int, list[tuple[int, str]]] = {}
    for row in rows:
        if row[8] is not None:
            links.setdefault(row[0], []).append((row[7], row[8]))
    found = {row[0]: StoredRow(*row[:7]) for row in rows}
    for position, corrections in links.items():
        corrected_by = tuple(event_id for _, event_id in sorted(corrections))
        found[position] = structs.replace(found[position], corrected_by=corrected_by)
    return [found[position] for position in positions]
