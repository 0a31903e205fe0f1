"""The handler of reindexing: the index of events made anew, while it is used and grows."""

from __future__ import annotations

from application.jobs.running import Finished, Run
from application.maintenance.ports import NO_END, Reindex
from application.ports import EventReader, Statement


class ReindexEvents:
    """Each batch and the job's account of it are committed together, or not at all: so a job that
    was cut off goes on behind its last batch, and one that was cancelled has done what it says."""

    def __init__(self, reindex: Reindex, reader: EventReader) -> None:
        self._reindex = reindex
        self._reader = reader

    async def __call__(self, run: Run) -> Finished:
        """To the end that there was at first, or that was asked for: what comes later is indexed
        as it comes."""
        job, request = run.job, run.job.request
        first, last = request.get("from_sequence", 1), request.get("to_sequence", NO_END)
        total = job.total
        if total is None:
            head = (await self._reader.head(job.tenant_id)).sequence
            total = max(0, min(head, last) - first + 1)
        changed = int(job.result.get("changed", 0))

        def result(done: int, more: int) -> dict[str, int]:
            place = first + done - 1
            return {"from_sequence": first, "to_sequence": place, "changed": changed + more}

        told = job.done, 0

        def beside(place: int, more: int) -> Statement:
            nonlocal told
            told = place - first + 1, more
            return run.reporting(result(*told), told[0], total)

        await run.progress(job.done, total, result(*told))
        await self._reindex(job.tenant_id, first + job.done, first + total - 1, beside)
        return Finished(result(*told))
