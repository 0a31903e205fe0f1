"""Reads the event store itself: bodies, an order's events, the tail of a tenant's ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ports import Head, StoredRow
from domain.ledger.sealing import GENESIS
from infrastructure.postgres.connect import store_errors

_COLUMNS = "position, sequence, originator_version, received_us, entry, ledger_hash, state"

# A correction links to an event of the same order only, so the originator is compared as well.
_WITH_LINKS = f"""
select {_COLUMNS},
       (select array_agg(c.event_id order by c.sequence) from events c
         where c.tenant_id = e.tenant_id and c.correction_of = e.event_id
           and c.originator_id = e.originator_id and e.correction_of is null)
  from events e
"""

BY_ID = _WITH_LINKS + "where tenant_id = %s and event_id = %s"
BY_SEQUENCE = _WITH_LINKS + "where tenant_id = %s and sequence = %s"
BODIES = _WITH_LINKS + "where tenant_id = %s and position = any(%s::bigint[])"
AFTER = _WITH_LINKS + "where tenant_id = %s and sequence > %s order by sequence limit %s"
CORRECTIONS = (
    _WITH_LINKS
    + """where tenant_id = %s and correction_of = %s and originator_id =
         (select originator_id from events where tenant_id = %s and event_id = %s)
   order by sequence"""
)
HEAD = """
select sequence, ledger_hash, received_us from events
 where tenant_id = %s order by sequence desc limit 1
"""


class Reader:
    """Implements `application.ports.EventReader` on a pool of connections of one cell."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self._pool = pool

    async def by_id(self, tenant_id: str, event_id: str) -> StoredRow | None:
        rows = await self._select(BY_ID, (tenant_id, event_id))
        return rows[0] if rows else None

    async def by_sequence(self, tenant_id: str, sequence: int) -> StoredRow | None:
        rows = await self._select(BY_SEQUENCE, (tenant_id, sequence))
        return rows[0] if rows else None

    async def bodies(self, tenant_id: str, positions: Sequence[int]) -> list[StoredRow]:
        if not positions:
            return []
        rows = {
            row.position: row for row in await self._select(BODIES, (tenant_id, list(positions)))
        }
        return [rows[position] for position in positions]

    async def after(self, tenant_id: str, sequence: int, limit: int) -> list[StoredRow]:
        return await self._select(AFTER, (tenant_id, sequence, limit))

    async def corrections_of(self, tenant_id: str, event_id: str) -> list[StoredRow]:
        return await self._select(CORRECTIONS, (tenant_id, event_id, tenant_id, event_id))

    async def head(self, tenant_id: str) -> Head:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(HEAD, (tenant_id,), binary=True)
                row = await cursor.fetchone()
        return Head(*row) if row else Head(0, GENESIS, 0)

    async def _select(self, statement: str, parameters: Sequence[object]) -> list[StoredRow]:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(statement, parameters, binary=True)
                rows = await cursor.fetchall()
        return [_stored(row) for row in rows]


def _stored(row: tuple[Any, ...]) -> StoredRow:
    links: tuple[str, ...] = tuple(row[7] or ()) if len(row) > 7 else ()
    return StoredRow(row[0], row[1], row[2], row[3], row[4], row[5], row[6], links)
