"""Removing what nobody will ask for any more, together with the keys that open it; and ending the
imports whose process died."""

from __future__ import annotations

from application.intake.chunks import JobCipher
from application.intake.importing import IMPORT
from application.intake.ports import SpoolStore
from application.jobs.ports import Lifelines
from application.ports import Clock
from domain.times import SECOND

ORPHAN_AFTER_US = 3600 * SECOND
"""How long an upload may be silent before its chunks are those of a process that died."""

KEPT_FOR_US = 30 * 24 * 3600 * SECOND
"""How long the lines that were not recorded are kept."""


class Sweep:
    """To be called every few minutes, by any number of workers."""

    def __init__(
        self, spool: SpoolStore, cipher: JobCipher, lifelines: Lifelines, clock: Clock
    ) -> None:
        self._spool = spool
        self._cipher = cipher
        self._lifelines = lifelines
        self._clock = clock

    async def __call__(self) -> int:
        """The number of jobs that it did something about. Raises Unavailable."""
        now = self._clock()
        buried = await self._lifelines.bury(IMPORT)
        orphans = await self._spool.orphans(now - ORPHAN_AFTER_US)
        for tenant_id, job_id in orphans:
            await self._spool.clear((tenant_id, job_id))
            self._cipher.destroy_spool_key(job_id)
        outdated = await self._spool.outdated(now - KEPT_FOR_US)
        for tenant_id, job_id in outdated:
            await self._spool.clear_lines((tenant_id, job_id))
            self._cipher.destroy_lines_key(job_id)
        return buried + len(orphans) + len(outdated)
