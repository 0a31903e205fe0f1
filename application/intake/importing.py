"""Importing files: as a bulk job, but read where they lie, without a spool and without a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from application.intake.bulk import SHOWN_ERRORS
from application.intake.chunks import chunks_of
from application.intake.lines import STEP, gunzipped, plain_blocks
from application.intake.ports import SpoolStore, Tally
from application.intake.recording import JobRef, PreparedChunk, Recording, ahead
from application.jobs.ports import Job, JobStore, new_job_id
from application.jobs.running import Interrupted
from application.ports import Clock
from domain.errors import OrderHistoryError, Unavailable

IMPORT = "import"
_GZIP = b"\x1f\x8b"
_PATIENCE = 5
"""Attempts at a chunk while the store is away, a second, two, four ... apart."""

Progress = Callable[[int, Tally], None]
"""Told after each chunk: bytes of the file read so far, and what became of its lines."""


class Imported(Struct, frozen=True):
    """What became of a file. `complete` False: stopped on the way; import it again to go on."""

    job_id: str
    tally: Tally
    complete: bool


class ImportFile:
    """The command behind `order-history import`. A second import of a file records nothing."""

    def __init__(
        self, recording: Recording, jobs: JobStore, spool: SpoolStore, clock: Clock
    ) -> None:
        self._recording = recording
        self._jobs = jobs
        self._spool = spool
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
        """Record every line of the file (NDJSON, gzip or not), until `stopping` is set.

        Raises OSError, Unreadable for damaged gzip (what came before stays recorded), Unavailable.
        """
        file = _File(path)
        job = Job(
            tenant_id=tenant_id,
            job_id=new_job_id(),
            kind=IMPORT,
            submitted_by=submitted_by,
            submitted_us=self._clock(),
            status="running",
            request={"file": path.name.encode(errors="replace").decode()},
            result=msgspec.to_builtins(Tally()),
        )
        await self._jobs.create(job)
        ref = (tenant_id, job.job_id)
        tally = Tally()
        try:
            prepared = ahead(self._prepared(tenant_id, file.blocks(), stopping))
            async for settled in ahead(self._submitted(ref, prepared)):
                tally += await self._recording.count(ref, settled, spooled=False)
                progress(file.read, tally)
        except Interrupted:
            await self._jobs.finish(*ref, "cancelled")
            return Imported(job.job_id, tally, complete=False)
        except (OrderHistoryError, OSError) as error:
            # Whoever imports is told more by the error itself: an OSError names the file.
            detail = str(error) if isinstance(error, OrderHistoryError) else type(error).__name__
            await self._jobs.finish(*ref, "failed", errors=[{"pointer": "", "detail": detail}])
            raise
        await self._jobs.finish(
            *ref, "succeeded", errors=await self._spool.reasons(ref, SHOWN_ERRORS)
        )
        return Imported(job.job_id, tally, complete=True)

    async def _prepared(
        self, tenant_id: str, blocks: AsyncIterator[bytes], stopping: asyncio.Event
    ) -> AsyncIterator[PreparedChunk]:
        async for chunk in chunks_of(blocks):
            if stopping.is_set():
                raise Interrupted
            yield await self._recording.prepare(tenant_id, chunk)

    async def _submitted(
        self, ref: JobRef, prepared: AsyncIterator[PreparedChunk]
    ) -> AsyncIterator[PreparedChunk]:
        async for chunk in prepared:
            yield await self._submit(ref, chunk)

    async def _submit(self, ref: JobRef, chunk: PreparedChunk) -> PreparedChunk:
        for attempt in range(_PATIENCE):
            try:
                return await self._recording.submit(ref, chunk, spooled=False)
            except Unavailable:
                await asyncio.sleep(2**attempt)
        return await self._recording.submit(ref, chunk, spooled=False)


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
