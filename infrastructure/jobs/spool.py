"""The spool of bulk jobs and the lines that they kept: job_chunks, job_lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from application.intake.ports import KeptLine, SpooledChunk, Tally
from application.jobs.ports import Job
from application.ports import Clock, Statement
from infrastructure.jobs.store import COLUMNS, VALUES, Pool, PostgresJobStore, values_of
from infrastructure.postgres.connect import store_errors

JobRef = tuple[str, str]
_JOB = "tenant_id = %s and job_id = %s"

ADD = """
insert into job_chunks (tenant_id, job_id, chunk, lines, sealed, created_us)
values (%s, %s, %s, %s, %s, %s)
"""
NEXT = f"""
select chunk, sealed, outcome from job_chunks where {_JOB} and chunk > %s order by chunk limit 1
"""
OUTCOME = f"select outcome from job_chunks where {_JOB} and chunk = %s"
COMPLETE = f"""
insert into jobs ({COLUMNS})
select {VALUES} where (select count(*) from job_chunks where {_JOB}) = %s
on conflict on constraint jobs_idempotency_key do nothing
"""
SET_OUTCOME = f"""
update job_chunks set outcome = %s where {_JOB} and chunk = %s and outcome is null
"""
COUNT = f"""
with taken as (delete from job_chunks where {_JOB} and chunk = %s returning 1),
     counted as (select 1 where %s or exists (select from taken)),
     kept as (
       insert into job_lines (tenant_id, job_id, line, outcome, reason, sealed, created_us)
       select %s, %s, k.line, k.outcome, k.reason, k.sealed, %s
         from unnest(%s::bigint[], %s::text[], %s::jsonb[], %s::bytea[])
           as k(line, outcome, reason, sealed), counted)
update jobs
   set done = done + %s,
       result = result || jsonb_build_object(
         'recorded', (result->>'recorded')::bigint + %s,
         'duplicates', (result->>'duplicates')::bigint + %s,
         'conflicts', (result->>'conflicts')::bigint + %s,
         'rejected', (result->>'rejected')::bigint + %s,
         'last_sequence', greatest((result->>'last_sequence')::bigint, %s))
 where {_JOB} and exists (select from counted)
"""
KEPT = f"""
select line, outcome, reason, sealed from job_lines
 where {_JOB} and line > %s and octet_length(sealed) > 0 order by line limit %s
"""
REASONS = f"select line, outcome, reason from job_lines where {_JOB} order by line limit %s"
CLEAR = f"delete from job_chunks where {_JOB}"
CLEAR_LINES = f"delete from job_lines where {_JOB}"
# Across tenants, for the worker's sweep alone.
ORPHANS = """
select c.tenant_id, c.job_id
  from job_chunks c
  left join jobs j on j.tenant_id = c.tenant_id and j.job_id = c.job_id
 group by c.tenant_id, c.job_id, j.status
having j.status in ('succeeded', 'failed', 'cancelled')
    or (j.status is null and max(c.created_us) < %s)
"""
OUTDATED = """
select tenant_id, job_id from job_lines group by tenant_id, job_id having max(created_us) < %s
"""


class PostgresSpool:
    """Implements `application.intake.ports.SpoolStore` on a pool of connections of one cell."""

    def __init__(self, pool: Pool, jobs: PostgresJobStore, clock: Clock) -> None:
        self._pool = pool
        self._jobs = jobs
        self._clock = clock

    async def add(self, job: JobRef, number: int, lines: int, sealed: bytes) -> None:
        await self._run(ADD, (*job, number, lines, sealed, self._clock()))

    async def next(self, job: JobRef, after: int) -> SpooledChunk | None:
        rows = await self._select(NEXT, (*job, after))
        return SpooledChunk(*rows[0]) if rows else None

    async def outcome(self, job: JobRef, number: int) -> bytes | None:
        rows = await self._select(OUTCOME, (*job, number))
        return rows[0][0] if rows else None

    async def complete(self, job: Job, chunks: int) -> Job | None:
        ref = (job.tenant_id, job.job_id)
        if await self._run(COMPLETE, (*values_of(job), *ref, chunks)):
            return job
        if job.idempotency_key is None:
            return None
        return await self._jobs.with_key(job.tenant_id, job.submitted_by, job.idempotency_key)

    def outcome_statement(self, job: JobRef, number: int, outcome: bytes) -> Statement:
        return SET_OUTCOME, (outcome, *job, number)

    async def count(
        self, job: JobRef, number: int | None, tally: Tally, kept: Sequence[KeptLine]
    ) -> None:
        lines = (*job, self._clock(), *_columns(kept))
        counters = (tally.lines, *msgspec.structs.astuple(tally))
        await self._run(COUNT, (*job, number, number is None, *lines, *counters, *job))

    async def kept(self, job: JobRef, after: int, limit: int) -> list[KeptLine]:
        return [KeptLine(*row) for row in await self._select(KEPT, (*job, after, limit))]

    async def reasons(self, job: JobRef, limit: int) -> list[dict[str, Any]]:
        rows = await self._select(REASONS, (*job, limit))
        return [{"line": row[0], "outcome": row[1], "errors": row[2]} for row in rows]

    async def clear(self, job: JobRef) -> None:
        await self._run(CLEAR, job)

    async def clear_lines(self, job: JobRef) -> None:
        await self._run(CLEAR_LINES, job)

    async def orphans(self, before_us: int) -> list[JobRef]:
        return [(row[0], row[1]) for row in await self._select(ORPHANS, (before_us,))]

    async def outdated(self, before_us: int) -> list[JobRef]:
        return [(row[0], row[1]) for row in await self._select(OUTDATED, (before_us,))]

    async def _select(self, statement: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        with store_errors():
            async with self._pool.connection() as connection:
                return await (await connection.execute(statement, parameters)).fetchall()

    async def _run(self, statement: str, parameters: Sequence[object]) -> bool:
        with store_errors():
            async with self._pool.connection() as connection:
                return (await connection.execute(statement, parameters)).rowcount > 0


def _columns(kept: Sequence[KeptLine]) -> list[list[Any]]:
    return [
        [line.line for line in kept],
        [line.outcome for line in kept],
        [Jsonb(line.reason) for line in kept],
        [line.sealed for line in kept],
    ]
