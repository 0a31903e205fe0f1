"""The lines that bulk jobs keep because they were not recorded: looked through for a person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from application.intake.chunks import JobCipher, SpoolDamaged
from domain.erasure.places import mentions
from infrastructure.postgres.connect import Pool, store_errors

_AT_ONCE = 500
KEPT = """
select job_id, line, sealed from job_lines
 where tenant_id = %s and (job_id, line) > (%s, %s)
 order by job_id, line limit %s
"""
DELETE = "delete from job_lines where tenant_id = %s and job_id = %s and line = %s"


class StoredLines:
    """Implements `application.erasure.ports.KeptLines`, and RejectedLines of
    `application.subject_access.ports`. A line whose key is gone tells nobody
    anything any more."""

    def __init__(self, pool: Pool, cipher: JobCipher) -> None:
        self._pool = pool
        self._cipher = cipher

    async def erase(self, tenant_id: str, needles: Sequence[str]) -> int:
        erased = 0
        async for job_id, line in self.mentioning(tenant_id, needles):
            with store_errors():
                async with self._pool.connection() as connection:
                    await connection.execute(DELETE, (tenant_id, job_id, line))
            erased += 1
        return erased

    async def holding(self, tenant_id: str, needles: Sequence[str]) -> int:
        return len([one async for one in self.mentioning(tenant_id, needles)])

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
