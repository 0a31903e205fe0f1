"""An order's history for the fold, in one trip: the newest usable snapshot and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ports import StoredRow, Window
from infrastructure.postgres.arrays import UuidColumn
from infrastructure.postgres.connect import store_errors

_NO_BOUND = 2**62

LOAD = """
with base as materialized (
  select originator_version, state from aggregate_snapshots
   where originator_id = %(id)s and originator_version < %(below)s
     and latest_us <= %(latest)s and received_us <= %(known)s and sequence <= %(sequence)s
   order by originator_version desc limit 1),
start as materialized (
  select coalesce((select originator_version from base), 0) as version),
blocks as materialized (
  select greatest(start.version, case when s.earliest_us > %(skip)s and not s.corrects
                                      then s.originator_version - 1 else s.after_version end)
           as after_version,
         s.originator_version as last_version
    from aggregate_snapshots s, start
   where s.originator_id = %(id)s and s.originator_version > start.version
     and s.received_us <= %(known)s and s.sequence <= %(sequence)s),
wanted as materialized (
  select after_version, last_version from blocks
  union all
  select coalesce((select max(last_version) from blocks), start.version), 2147483647 from start)
select 0::bigint, 0::bigint, originator_version, 0::bigint, ''::bytea, ''::bytea, state from base
union all
select e.position, e.sequence, e.originator_version, e.received_us, e.entry, e.ledger_hash, e.state
  from wanted w
  join events e on e.originator_id = %(id)s and e.originator_version > w.after_version
                and e.originator_version <= w.last_version
 where e.received_us <= %(known)s and e.sequence <= %(sequence)s
"""
# Of a block of versions in which nothing occurred by the time asked for, and nothing is corrected,
# only the last event is wanted: it stands for the block as one that came earlier and happened
# later, and for how far the order was known.

VERSIONS = """
select e.originator_version
  from unnest(%s::text[]) as k(event_id)
  join events e on e.tenant_id = %s and e.event_id = k.event_id and e.originator_id = %s
"""

NEWEST = """
select originator_version from events
 where originator_id = %s order by originator_version desc limit 1
"""

NEWEST_OF = """
select k.id, coalesce((select originator_version from events where originator_id = k.id
                        order by originator_version desc limit 1), 0)
  from unnest(%s::uuid[]) as k(id)
"""


class Histories:
    """Implements `application.ports.OrderHistories`."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self._pool = pool

    async def load(
        self, originator_id: UUID, window: Window
    ) -> tuple[bytes | None, list[StoredRow]]:
        parameters = {
            "id": originator_id,
            "below": 2**31 - 1 if window.below_version is None else window.below_version,
            "latest": _bound(window.latest_us),
            "known": _bound(window.known_us),
            "sequence": _bound(window.known_sequence),
            "skip": _bound(window.later_than_us),
        }
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(LOAD, parameters, binary=True)
                rows = await cursor.fetchall()
        base = next((row[6] for row in rows if row[0] == 0), None)
        tail = {row[2]: StoredRow(*row) for row in rows if row[0] != 0}
        return base, [tail[version] for version in sorted(tail)]

    async def versions(
        self, tenant_id: str, originator_id: UUID, event_ids: Sequence[str]
    ) -> list[int]:
        parameters = (list(event_ids), tenant_id, originator_id)
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(VERSIONS, parameters)
                return [version for (version,) in await cursor.fetchall()]

    async def newest_version(self, originator_id: UUID) -> int:
        with store_errors():
            async with self._pool.connection() as connection:
                row = await (await connection.execute(NEWEST, (originator_id,))).fetchone()
        return row[0] if row else 0

    async def newest_versions(self, originator_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        wanted = UuidColumn([one.bytes for one in originator_ids])
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(NEWEST_OF, (wanted,), binary=True)
                return dict(await cursor.fetchall())


def _bound(value: int | None) -> int:
    return _NO_BOUND if value is None else value
