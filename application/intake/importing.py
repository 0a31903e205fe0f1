"""Importing files: as a bulk job, but read where they lie, without a spool and without a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

import msgspec
from msgspec import Struct

from application.intake.bulk import SHOWN_ERRORS
from application.intake.chunks import Chunk, chunks_of
from application.intake.lines import STEP, gunzipped, plain_blocks
from application.intake.overlapping import in_order
from application.intake.ports import SpoolStore, Tally
from application.intake.preparing import PREPARED_AHEAD
from application.intake.recording import JobRef, PreparedChunk, Recording, over_quota
from application.jobs.ports import Job, JobStore, Lifelines, new_job_id
from application.jobs.running import Cancelled, Interrupted, Run, pause_for
from application.ports import Clock
from domain.errors import OrderHistoryError, QuotaExceeded, TooLarge, Unavailable, Unreadable

IMPORT = "import"
RETRY_FIRST = 1.0
"""Seconds before a step is tried again while the store is away; then twice as many, and so on."""

_ATTEMPTS = 6
_LOOK_EVERY = 1.0
_GZIP = b"\x1f\x8b"

Progress = Callable[[int, Tally], None]
"""Told after each chunk: bytes of the file read so far, and what became of its lines."""

T = TypeVar("T")


class Imported(Struct, frozen=True):
    """What became of a file. `complete` False: stopped on the way; import it again to go on."""

    job_id: str
    tally: Tally
    complete: bool


class ImportFile:
    """The command behind `order-history import`. A second import of a file records nothing."""

    def __init__(
        self,
        recording: Recording,
        jobs: JobStore,
        spool: SpoolStore,
        lifelines: Lifelines,
        clock: Clock,
    ) -> None:
        self._recording = recording
        self._jobs = jobs
        self._spool = spool
        self._lifelines = lifelines
        self._clock = clock

    async def __call__(
        self,
        tenant_id: str,
        path: Path,
        *,
        submitted_by: str,
        progress: Progress,
        stopping: asyncio.Event,
    ) -> Imported:
        """Record every line of the file (NDJSON, gzip or not), until `stopping` is set or somebody
        cancels the job. Its row ends as failed should this process be killed.

        Raises OSError; Unreadable for damaged gzip and TooLarge for a bomb, with the file's name
        (what came before stays recorded); QuotaExceeded; Unavailable when the store stays away.
        """
        await self._lifelines.bury(IMPORT)
        job = Job(
            tenant_id=tenant_id,
            job_id=new_job_id(),
            kind=IMPORT,
            submitted_by=submitted_by,
            submitted_us=self._clock(),
            status="running",
            result=msgspec.to_builtins(Tally()),
        )
        async with self._lifelines.held(job.job_id):
            await self._jobs.create(job)
            steps = _Steps(self._recording, self._jobs, Run(job, self._jobs, stopping), stopping)
            return await self._record(steps, path, progress)

    async def _record(self, steps: _Steps, path: Path, progress: Progress) -> Imported:
        ref, file = steps.ref, _File(path)
        try:
            async for counted in steps.counted(file):
                progress(file.read, counted)
            errors = await steps.patiently(lambda: self._spool.reasons(ref, SHOWN_ERRORS))
            await steps.patiently(lambda: self._jobs.finish(*ref, "succeeded", errors=errors))
        except (Interrupted, Cancelled):
            with suppress(Unavailable):  # then it is buried
                await self._jobs.finish(*ref, "cancelled")
            return Imported(ref[1], steps.tally, complete=False)
        except (OrderHistoryError, OSError) as error:
            # An OSError's own words, and ours at the terminal, name the file: it may be personal.
            detail = str(error) if isinstance(error, OrderHistoryError) else type(error).__name__
            with suppress(Unavailable):
                await self._jobs.finish(*ref, "failed", errors=[{"pointer": "", "detail": detail}])
            raise _of_file(error, path, steps.tally) from error
        return Imported(ref[1], steps.tally, complete=True)


class _Steps:
    """The steps of one import. `tally`: what became of the lines so far."""

    def __init__(
        self, recording: Recording, jobs: JobStore, run: Run, stopping: asyncio.Event
    ) -> None:
        self.ref: JobRef = (run.job.tenant_id, run.job.job_id)
        self.tally = Tally()
        self._recording = recording
        self._jobs = jobs
        self._run = run
        self._stopping = stopping
        self._looked = monotonic()
        self._over: QuotaExceeded | None = None

    async def counted(self, file: _File) -> AsyncIterator[Tally]:
        """The tally after each chunk. Raises Interrupted, Cancelled, what reading raises, and
        QuotaExceeded once what was on its way then is counted."""
        prepared = in_order(self._prepare, self._chunks(file.blocks()), PREPARED_AHEAD)
        submitted = self._recording.submitted(
            self.ref, prepared, spooled=False, again=self.patiently
        )
        async for settled in submitted:
            self.tally = await self._count(settled)
            self._over = self._over or over_quota(settled)
            yield self.tally
        if self._over is not None:
            raise self._over

    async def patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        """What the step gives, which is tried again while the store is away. Raises Interrupted
        when there is no time for that, Unavailable in the end."""
        for attempt in range(_ATTEMPTS - 1):
            with suppress(Unavailable):
                return await step()
            await pause_for(RETRY_FIRST * 2**attempt, self._stopping)
        return await step()

    async def _chunks(self, blocks: AsyncIterator[bytes]) -> AsyncIterator[Chunk]:
        async for chunk in chunks_of(blocks):
            if self._over is not None:
                return
            await self._checkpoint()
            yield chunk

    async def _prepare(self, chunk: Chunk) -> PreparedChunk:
        return await self.patiently(partial(self._recording.prepare, self.ref[0], chunk))

    async def _checkpoint(self) -> None:
        """Raises Interrupted at once, Cancelled soon: to look each time would cost."""
        if self._stopping.is_set() or monotonic() - self._looked >= _LOOK_EVERY:
            await self.patiently(self._run.checkpoint)
            self._looked = monotonic()

    async def _count(self, settled: PreparedChunk) -> Tally:
        """The tally with this chunk's lines, counted once: an attempt that seemed to fail may have
        come through, and no other process counts for this job."""

        async def again() -> Tally:
            job = await self._jobs.settled(*self.ref)
            if job is not None and job.done > self.tally.lines:
                return msgspec.convert(job.result, Tally)
            return await once()

        async def once() -> Tally:
            return self.tally + await self._recording.count(self.ref, settled, spooled=False)

        with suppress(Unavailable):
            return await once()
        return await self.patiently(again)


def _of_file(
    error: OrderHistoryError | OSError, path: Path, tally: Tally
) -> OrderHistoryError | OSError:
    """The error for who imports."""
    if isinstance(error, Unreadable):
        return Unreadable(
            f"{path}: its gzip data is damaged or ends early, after {tally.lines} lines, which are "
            "recorded or kept as rejected; import a whole file to go on"
        )
    if isinstance(error, TooLarge):
        return TooLarge(f"{path}: {error} {tally.lines} lines were read before.")
    if isinstance(error, QuotaExceeded):
        return QuotaExceeded(
            f"{path}: {error} {tally.recorded} of its lines were recorded; import it again to go on"
        )
    return error


class _File:
    """A file's content in blocks, unpacked if it is gzip. `read`: its own bytes so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.read = 0

    def blocks(self) -> AsyncIterator[bytes]:
        with self._path.open("rb") as file:
            packed = file.read(len(_GZIP)) == _GZIP
        return gunzipped(self._stored()) if packed else plain_blocks(self._stored())

    async def _stored(self) -> AsyncIterator[bytes]:
        with self._path.open("rb") as file:
            while block := await asyncio.to_thread(file.read, STEP):
                self.read += len(block)
                yield block
