"""Measures the store, the jobs and the tables of a cell: a statement or two each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from application.ports import Clock
from application.watching.figures import JobFigures, Standby, StoreFigures, TableSize
from infrastructure.postgres.connect import Pool, store_errors

OUTCOMES = ("recorded", "duplicates", "conflicts", "rejected")
"""What a job of lines counts, as its result names it."""

_LOCK_MS = 500
_ALIVE = "10 seconds"  # a worker says so each second

NEWEST = "select position, received_us from events order by position desc limit 1"
# Who may not read all statistics sees the names, and no positions. A backup is no standby. One that
# has replayed all tells of no lag; of one that only receives, what is flushed stands for that.
STANDBYS = """
select application_name, count(*),
       max(pg_wal_lsn_diff(pg_current_wal_lsn(), reached)::bigint),
       max(case when reached is not null
                then (extract(epoch from coalesce(replay_lag, flush_lag, '0')) * 1e6)::bigint end)
  from (select *, coalesce(replay_lsn, flush_lsn, write_lsn, sent_lsn) as reached
          from pg_stat_replication) as r
 where state is distinct from 'backup'
 group by application_name order by application_name
"""
JOBS = """
select status, count(*), min(submitted_us),
       coalesce(sum((result->>'recorded')::bigint) filter (where kind = any(%(kinds)s)), 0),
       coalesce(sum((result->>'duplicates')::bigint) filter (where kind = any(%(kinds)s)), 0),
       coalesce(sum((result->>'conflicts')::bigint) filter (where kind = any(%(kinds)s)), 0),
       coalesce(sum((result->>'rejected')::bigint) filter (where kind = any(%(kinds)s)), 0)
  from jobs group by status
"""
WORKERS = f"""
select count(*) from procrastinate.procrastinate_workers
 where last_heartbeat > now() - interval '{_ALIVE}'
"""
TABLES = """
select relname, coalesce(pg_table_size(oid), 0), coalesce(pg_indexes_size(oid), 0)
  from pg_class
 where relnamespace = current_schema()::regnamespace and relkind = 'r' order by relname
"""


class InstallationFigures:
    """Asks on a pool of connections of one cell. Each method raises Unavailable.

    kinds: the kinds of jobs whose result counts lines.
    """

    def __init__(self, pool: Pool, clock: Clock, kinds: Sequence[str]) -> None:
        self._pool = pool
        self._clock = clock
        self._kinds = list(kinds)

    async def store(self) -> StoreFigures:
        ((recorded, newest_us),) = await self._select(NEWEST) or [(0, None)]
        rows = await self._select(STANDBYS)
        return StoreFigures(
            recorded=recorded,
            newest_us=newest_us,
            attached=sum(count for _, count, _, _ in rows),
            standbys=tuple(
                Standby(name or "", None if behind is None else max(0, behind), late)
                for name, _, behind, late in rows
            ),
        )

    async def jobs(self) -> JobFigures:
        rows = await self._select(JOBS, {"kinds": self._kinds})
        ((workers,),) = await self._select(WORKERS)
        queued_us = [oldest for status, _, oldest, *_ in rows if status == "queued"]
        sums = [sum(column) for column in zip(*(row[3:] for row in rows), strict=True)]
        return JobFigures(
            by_status={row[0]: row[1] for row in rows},
            oldest_queued_us=max(0, self._clock() - queued_us[0]) if queued_us else 0,
            lines=dict(zip(OUTCOMES, map(int, sums or [0] * len(OUTCOMES)), strict=True)),
            workers=workers,
        )

    async def tables(self) -> list[TableSize]:
        """Of a table that is being rewritten nothing can be told: Unavailable, soon."""
        with store_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(f"set local lock_timeout = '{_LOCK_MS}ms'".encode())
                cursor = await connection.execute(TABLES)
                return [TableSize(*row) for row in await cursor.fetchall()]

    async def _select(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        with store_errors():
            async with self._pool.connection() as connection:
                return await (await connection.execute(statement, parameters)).fetchall()
