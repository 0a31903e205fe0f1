"""Measures the store, the jobs and the tables of a cell: a statement or two each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from application.ports import Clock
from application.watching.figures import JobFigures, QueueFigures, Standby, StoreFigures, TableSize
from domain.times import SECOND
from infrastructure.postgres.connect import Pool, store_errors

OUTCOMES = ("recorded", "duplicates", "conflicts", "rejected")
"""What a job of lines counts, as its result names it."""

_LOCK_MS = 500
_SETTLED_US = 600 * SECOND
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
JOBS = "select status, count(*), min(submitted_us) from jobs group by status"
QUEUED = "select count(*), min(submitted_us) from jobs where status = 'queued'"
_SUMS = ", ".join(f"coalesce(sum((result->>'{one}')::bigint), 0)" for one in OUTCOMES)
# Jobs that have finished change no more, and all but the last are added up once a process.
LINES = f"""
select {_SUMS} from jobs
 where kind = any(%(kinds)s) and finished_us > %(since)s and finished_us <= %(until)s
"""
# One statement, so that a job that finishes meanwhile is in one of the two, and not in both.
LINES_LATELY = f"""
select {_SUMS}
  from (select result from jobs where kind = any(%(kinds)s) and finished_us > %(since)s
         union all
        select result from jobs where kind = any(%(kinds)s) and finished_us is null) as late
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
        self._settled = 0, [0] * len(OUTCOMES)

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
        rows = await self._select(JOBS)
        queued_us = [oldest for status, _, oldest in rows if status == "queued"]
        return JobFigures(
            by_status={status: count for status, count, _ in rows},
            oldest_queued_us=self._ago(queued_us[0] if queued_us else None),
            lines=dict(zip(OUTCOMES, await self._lines(), strict=True)),
            workers=await self._workers(),
        )

    async def queue(self) -> QueueFigures:
        """What `jobs` tells of those that wait, without looking at others."""
        ((queued, oldest_us),) = await self._select(QUEUED)
        return QueueFigures(queued, self._ago(oldest_us), await self._workers())

    async def _lines(self) -> list[int]:
        """By outcome. What finished up to a while ago is remembered: whoever finishes a job says
        when by a clock of its own, and is seen to have done so only once it is committed."""
        until, settled = self._settled
        old = self._clock() - _SETTLED_US
        if old > until:
            settled = _added(settled, await self._sums(LINES, since=until, until=old))
            until = old
            self._settled = until, settled
        return _added(settled, await self._sums(LINES_LATELY, since=until))

    async def _sums(self, statement: str, **bounds: int) -> list[int]:
        (row,) = await self._select(statement, {"kinds": self._kinds, **bounds})
        return list(map(int, row))

    async def _workers(self) -> int:
        ((workers,),) = await self._select(WORKERS)
        return int(workers)

    def _ago(self, moment_us: int | None) -> int:
        return 0 if moment_us is None else max(0, self._clock() - moment_us)

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


def _added(some: Sequence[int], more: Sequence[int]) -> list[int]:
    return [one + other for one, other in zip(some, more, strict=True)]
