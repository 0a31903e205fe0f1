"""Running a bulk job: its chunks in order, onto the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from application.intake.chunks import JobCipher
from application.intake.overlapping import in_order
from application.intake.ports import SpooledChunk, SpoolStore
from application.intake.preparing import PREPARED_AHEAD
from application.intake.recording import JobRef, PreparedChunk, Recording, over_quota
from application.intake.spool import reach_of
from application.jobs.running import Cancelled, Finished, Run
from domain.access.scope import Reach
from domain.errors import QuotaExceeded

SHOWN_ERRORS = 100
"""So many kept lines are listed in the job itself; the rest is at /jobs/{job_id}/rejected."""


class BulkIngest:
    """The handler of bulk_ingest jobs. Goes on where an earlier attempt, however cut off, was. Ends
    as failed where a quota refuses lines: these are kept, what comes behind them is not tried."""

    def __init__(self, recording: Recording, spool: SpoolStore, cipher: JobCipher) -> None:
        self._recording = recording
        self._spool = spool
        self._cipher = cipher

    async def __call__(self, run: Run) -> Finished:
        ref = (run.job.tenant_id, run.job.job_id)
        prepare = partial(self._prepare, ref, reach_of(run.job))
        over: list[QuotaExceeded] = []
        prepared = in_order(prepare, self._spooled(ref, run, over), PREPARED_AHEAD)
        try:
            async for settled in self._recording.submitted(ref, prepared, spooled=True):
                await self._recording.count(ref, settled, spooled=True)
                if (refusal := over_quota(settled)) is not None:
                    over.append(refusal)
        except Cancelled:
            await self._clear(ref)
            raise
        await self._clear(ref)
        if over:
            raise over[0]
        return Finished(errors=await self._spool.reasons(ref, SHOWN_ERRORS))

    async def _spooled(
        self, ref: JobRef, run: Run, over: Sequence[QuotaExceeded]
    ) -> AsyncIterator[SpooledChunk]:
        """Until a chunk was `over` the quota; those that are on their way then are counted."""
        after = -1
        while not over and (row := await self._spool.next(ref, after)) is not None:
            await run.checkpoint()
            yield row
            after = row.number

    async def _prepare(self, ref: JobRef, reach: Reach, row: SpooledChunk) -> PreparedChunk:
        chunk = self._cipher.open_chunk(*ref, row.number, row.sealed)
        return await self._recording.prepare(ref[0], chunk, row.outcome, reach)

    async def _clear(self, ref: JobRef) -> None:
        await self._spool.clear(ref)
        self._cipher.destroy_spool_key(ref[1])
