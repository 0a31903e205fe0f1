"""The lines that bulk jobs keep because they were not recorded: looked through for a person.

A row that is deleted may still be in a dead row, the WAL or a backup of the database, and opens
with the key of its job's lines. So a line that goes is emptied first; the lines that are left are
sealed under another key, the old one is destroyed, and then the row goes. Cut off anywhere, an
empty row says that it is to be gone on with. The lines of a job that still runs, which seals more
of them, wait for its end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection

from application.intake.chunks import LINES, JobCipher, SpoolDamaged
from application.jobs.ports import LIVE
from application.ports import Statement
from domain.erasure.places import mentions
from infrastructure.erasure.rewrapping import ALONE, NOT_ALONE
from infrastructure.postgres.arrays import BigintColumn, TextColumn
from infrastructure.postgres.connect import Pool, store_errors

_AT_ONCE = 500
KEPT = """
select job_id, line, sealed from job_lines
 where tenant_id = %s and (job_id, line) > (%s, %s) and octet_length(sealed) > 0
 order by job_id, line limit %s
"""
EMPTY = """
update job_lines l set sealed = ''
  from unnest(%s::text[], %s::bigint[]) as gone(job_id, line)
 where l.tenant_id = %s and l.job_id = gone.job_id and l.line = gone.line
"""
# Of all tenants, for the worker's chore, or of one.
EMPTIED = """
select distinct l.tenant_id, l.job_id
  from job_lines l
  join jobs j on j.tenant_id = l.tenant_id and j.job_id = l.job_id
 where octet_length(l.sealed) = 0 and j.status <> all(%(live)s)
   and (%(tenant)s::text is null or l.tenant_id = %(tenant)s)
"""
LEFT = """
select line, sealed from job_lines
 where tenant_id = %s and job_id = %s and line > %s and octet_length(sealed) > 0
 order by line limit %s
"""
# Not of what was emptied since it was read: that stays empty.
SEAL = """
update job_lines set sealed = %s
 where tenant_id = %s and job_id = %s and line = %s and octet_length(sealed) > 0
"""
ANY_LIVE = """
select 1 from jobs where tenant_id = %s and job_id = any(%s) and status = any(%s) limit 1
"""
DELETE = """
delete from job_lines where tenant_id = %s and job_id = %s and octet_length(sealed) = 0
"""


class StoredLines:
    """Implements `application.erasure.lines.LineStore`, and RejectedLines of
    `application.subject_access.ports`. A line whose key is gone tells nobody anything any more."""

    def __init__(self, pool: Pool, cipher: JobCipher) -> None:
        self._pool = pool
        self._cipher = cipher

    def emptying(self, tenant_id: str, lines: Mapping[str, Sequence[int]]) -> Statement:
        places = [(job_id, line) for job_id, some in lines.items() for line in some]
        jobs, numbers = ([place[at] for place in places] for at in (0, 1))
        return EMPTY, (TextColumn(jobs), BigintColumn(numbers), tenant_id)

    async def any_live(self, tenant_id: str, job_ids: Collection[str]) -> bool:
        with store_errors():
            async with self._pool.connection() as connection:
                parameters = tenant_id, list(job_ids), list(LIVE)
                return bool(await (await connection.execute(ANY_LIVE, parameters)).fetchone())

    async def renew(self, tenant_id: str | None = None) -> int:
        """Give the lines that are left another key in jobs of which some were erased, of a tenant
        or of all; in how many jobs. Raises KeyUnavailable, Unavailable."""
        with store_errors():
            async with self._pool.connection() as connection:
                parameters = {"live": list(LIVE), "tenant": tenant_id}
                jobs = await (await connection.execute(EMPTIED, parameters)).fetchall()
                for job in jobs:
                    await connection.execute(ALONE, (job[0],))
                    try:
                        await self._renew(connection, *job)
                    finally:
                        if not connection.closed:
                            await connection.execute(NOT_ALONE, (job[0],))
        return len(jobs)

    async def _renew(self, connection: AsyncConnection[Any], tenant_id: str, job_id: str) -> None:
        old: str | None = None
        async with connection.transaction():
            after = -1
            while True:
                cursor = await connection.execute(LEFT, (tenant_id, job_id, after, _AT_ONCE))
                rows = await cursor.fetchall()
                for line, sealed in rows:
                    try:
                        purpose, raw = self._cipher.opened_line(tenant_id, job_id, line, sealed)
                    except SpoolDamaged:  # it tells nobody anything, whichever keys there are
                        continue
                    if old is None:
                        old = purpose
                        # What an attempt that was cut off has left of the other one opens nothing.
                        self._cipher.destroy_lines_key(job_id, _other(old))
                    fresh = self._cipher.sealed_line(tenant_id, job_id, line, raw, _other(old))
                    await connection.execute(SEAL, (fresh, tenant_id, job_id, line))
                if len(rows) < _AT_ONCE:
                    break
                after = rows[-1][0]
        for purpose in LINES if old is None else (old,):
            self._cipher.destroy_lines_key(job_id, purpose)
        await connection.execute(DELETE, (tenant_id, job_id))

    async def mentioning(
        self, tenant_id: str, needles: Sequence[str]
    ) -> AsyncIterator[tuple[str, int]]:
        """Job and line of those that hold one of these texts. Raises KeyUnavailable."""
        after: tuple[str, int] = ("", -1)
        while True:
            with store_errors():
                async with self._pool.connection() as connection:
                    parameters = (tenant_id, *after, _AT_ONCE)
                    rows = await (await connection.execute(KEPT, parameters)).fetchall()
            for job_id, line, sealed in rows:
                text = self._text(tenant_id, job_id, line, sealed)
                if any(mentions(text, needle) for needle in needles):
                    yield job_id, line
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1][0], rows[-1][1]

    def _text(self, tenant_id: str, job_id: str, line: int, sealed: bytes) -> str:
        try:
            raw = self._cipher.open_line(tenant_id, job_id, line, sealed)
        except SpoolDamaged:
            return ""
        return raw.decode("utf-8", "replace")


def _other(purpose: str) -> str:
    return LINES[1 - LINES.index(purpose)]
