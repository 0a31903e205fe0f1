"""What became of a tenant's bulk jobs and imports, for its operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from application.jobs.ports import Status
from application.watching.diagnostics import FailedLine
from domain.times import format_us
from infrastructure.postgres.connect import Pool, store_errors

# The newest lines of the newest jobs that have some: found by keys, however many lines are kept.
FAILED = """
select l.job_id, l.line, l.outcome, l.reason, l.created_us
  from (select tenant_id, job_id from jobs
         where tenant_id = %(tenant)s
           and coalesce((result->>'rejected')::bigint, 0)
             + coalesce((result->>'conflicts')::bigint, 0) > 0
         order by submitted_us desc limit %(limit)s) as j
 cross join lateral (
       select * from job_lines l
        where l.tenant_id = j.tenant_id and l.job_id = j.job_id
        order by l.line desc limit %(limit)s) as l
 order by l.created_us desc, l.job_id, l.line desc limit %(limit)s
"""
# A look at an index for each status, in which a tenant's jobs stand together.
JOBS = """
select status, found
  from unnest(%(statuses)s::text[]) as status
 cross join lateral (
       select count(*) as found from jobs
        where jobs.tenant_id = %(tenant)s and jobs.status = status.status) as counted
 where found > 0
"""


class IntakeSamples:
    """Implements `application.watching.diagnostics.Intake`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def failed_lines(self, tenant_id: str, limit: int) -> list[FailedLine]:
        rows = await self._select(FAILED, {"tenant": tenant_id, "limit": limit})
        return [
            FailedLine(job_id, line, outcome, reason, format_us(created_us))
            for job_id, line, outcome, reason, created_us in rows
        ]

    async def jobs(self, tenant_id: str) -> Mapping[str, int]:
        statuses = list(get_args(Status))
        return dict(await self._select(JOBS, {"tenant": tenant_id, "statuses": statuses}))

    async def _select(self, statement: str, parameters: Any) -> list[tuple[Any, ...]]:
        with store_errors():
            async with self._pool.connection() as connection:
                return await (await connection.execute(statement, parameters)).fetchall()
