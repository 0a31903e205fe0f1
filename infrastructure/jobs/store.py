"""The rows of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from application.jobs.ports import LIVE, Job, Status
from application.ports import Clock, Statement
from infrastructure.postgres.connect import store_errors

Pool = AsyncConnectionPool[AsyncConnection[Any]]

COLUMNS = ", ".join(Job.__struct_fields__)
VALUES = ", ".join(["%s"] * len(Job.__struct_fields__))
_LIVE = "status in ('queued', 'running')"

GET = f"select {COLUMNS} from jobs where tenant_id = %s and job_id = %s"
SETTLED = f"{GET} for share"
WITH_KEY = (
    f"select {COLUMNS} from jobs "
    "where tenant_id = %s and submitted_by = %s and idempotency_key = %s"
)
INSERT = f"""
insert into jobs ({COLUMNS}) values ({VALUES})
on conflict on constraint jobs_idempotency_key do nothing
"""
BEGIN = f"""
update jobs set status = 'running' where tenant_id = %s and job_id = %s and status = 'queued'
returning {COLUMNS}
"""
# The newest first; a null matches every job.
LISTED = f"""
select {COLUMNS} from jobs
 where tenant_id = %s and (submitted_us, job_id) < (%s, %s)
   and (%s::text is null or submitted_by = %s) and (%s::text is null or kind = %s)
   and (%s::text is null or status = %s)
 order by submitted_us desc, job_id desc limit %s
"""
PROGRESS = f"""
update jobs set done = %s, total = %s, result = coalesce(%s, result)
 where tenant_id = %s and job_id = %s and {_LIVE}
"""
REPORT = f"""
update jobs set done = coalesce(%s, done), total = coalesce(%s, total), result = %s
 where tenant_id = %s and job_id = %s and {_LIVE}
"""
FINISH = f"""
update jobs
   set status = %s, finished_us = %s, result = coalesce(%s, result), errors = %s
 where tenant_id = %s and job_id = %s and {_LIVE}
"""
# Across tenants, for the worker alone: it runs every tenant's jobs.
LIVE_JOBS = f"""
select tenant_id, job_id from jobs where {_LIVE} and kind = any(%s) order by submitted_us
"""


class PostgresJobStore:
    """Implements `application.jobs.ports.JobStore` on a pool of connections of one cell."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def create(self, job: Job) -> Job:
        if await self._change(INSERT, values_of(job)):
            return job
        assert job.idempotency_key is not None, "ids of jobs are random"
        earlier = await self.with_key(job.tenant_id, job.submitted_by, job.idempotency_key)
        assert earlier is not None, "rows of jobs are never deleted"
        return earlier

    async def get(self, tenant_id: str, job_id: str) -> Job | None:
        return await self._one(GET, (tenant_id, job_id))

    async def settled(self, tenant_id: str, job_id: str) -> Job | None:
        return await self._one(SETTLED, (tenant_id, job_id))

    async def with_key(self, tenant_id: str, submitted_by: str, key: str) -> Job | None:
        return await self._one(WITH_KEY, (tenant_id, submitted_by, key))

    async def listed(
        self,
        tenant_id: str,
        *,
        submitted_by: str | None = None,
        kind: str | None = None,
        status: Status | None = None,
        before: tuple[int, str] | None = None,
        limit: int = 50,
    ) -> list[Job]:
        bound = before or (2**62, "")
        narrowed = (submitted_by, submitted_by, kind, kind, status, status)
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(LISTED, (tenant_id, *bound, *narrowed, limit))
                return [_job(row) for row in await cursor.fetchall()]

    async def begin(self, tenant_id: str, job_id: str) -> Job | None:
        begun = await self._one(BEGIN, (tenant_id, job_id))
        return begun or await self.get(tenant_id, job_id)

    async def progress(
        self,
        tenant_id: str,
        job_id: str,
        done: int,
        total: int | None,
        result: dict[str, Any] | None = None,
    ) -> bool:
        return await self._change(PROGRESS, (done, total, _adapted(result), tenant_id, job_id))

    def reporting(
        self,
        tenant_id: str,
        job_id: str,
        result: dict[str, Any],
        done: int | None = None,
        total: int | None = None,
    ) -> Statement:
        return REPORT, (done, total, _adapted(result), tenant_id, job_id)

    async def finish(
        self,
        tenant_id: str,
        job_id: str,
        status: Status,
        *,
        result: dict[str, Any] | None = None,
        errors: Sequence[Any] = (),
    ) -> bool:
        assert status not in LIVE
        outcome = (status, self._clock(), _adapted(result), Jsonb(list(errors)))
        return await self._change(FINISH, (*outcome, tenant_id, job_id))

    async def live(self, kinds: Sequence[str]) -> list[tuple[str, str]]:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(LIVE_JOBS, (list(kinds),))
                return [(row[0], row[1]) for row in await cursor.fetchall()]

    async def _one(self, statement: str, parameters: Sequence[object]) -> Job | None:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(statement, parameters)
                row = await cursor.fetchone()
        return row and _job(row)

    async def _change(self, statement: str, parameters: Sequence[object]) -> bool:
        with store_errors():
            async with self._pool.connection() as connection:
                return (await connection.execute(statement, parameters)).rowcount > 0


def _job(row: Sequence[Any]) -> Job:
    return Job(**dict(zip(Job.__struct_fields__, row, strict=True)))


def values_of(job: Job) -> list[object]:
    """The job's values, in the order of COLUMNS."""
    return [_adapted(getattr(job, name)) for name in Job.__struct_fields__]


def _adapted(value: object) -> object:
    return Jsonb(value) if isinstance(value, (dict, list)) else value
