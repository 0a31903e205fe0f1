"""Receiving a bulk body: onto the disk, sealed, as it comes; a job once it is complete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec

from application.intake.chunks import JobCipher, chunks_of
from application.intake.lines import gunzipped, plain_blocks
from application.intake.ports import SpoolStore, Tally
from application.jobs.ports import Job, JobQueue, JobStore, new_job_id
from application.ports import Clock
from domain.access.caller import Caller
from domain.errors import Unavailable

BULK_INGEST = "bulk_ingest"


class ReceiveBulk:
    """The command behind POST /events/bulk."""

    def __init__(
        self, jobs: JobStore, queue: JobQueue, spool: SpoolStore, cipher: JobCipher, clock: Clock
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._spool = spool
        self._cipher = cipher
        self._clock = clock

    async def __call__(
        self,
        caller: Caller,
        stream: AsyncIterator[bytes],
        *,
        gzip: bool = False,
        idempotency_key: str | None = None,
    ) -> Job:
        """Spool the whole body and make its job. Memory stays bounded; what was spooled of a body
        that is not complete is removed.

        Raises Unreadable (not gzip, cut off), TooLarge (a bomb), Unavailable.
        """
        # Jobs of other kinds have keys without a space: one key may serve two endpoints.
        key = None if idempotency_key is None else f"{BULK_INGEST} {idempotency_key}"
        if key is not None:
            earlier = await self._jobs.with_key(caller.tenant_id, caller.subject, key)
            if earlier is not None:
                return earlier
        job = Job(
            tenant_id=caller.tenant_id,
            job_id=new_job_id(),
            kind=BULK_INGEST,
            submitted_by=caller.subject,
            submitted_us=self._clock(),
            idempotency_key=key,
            result=msgspec.to_builtins(Tally()),
        )
        ref = (job.tenant_id, job.job_id)
        try:
            chunks, lines = await self._receive(ref, stream, gzip=gzip)
        except BaseException:
            await asyncio.shield(self._drop(ref))
            raise
        # From here on the job may be there though an error is raised; the sweep tells.
        made = await self._spool.complete(msgspec.structs.replace(job, total=lines), chunks)
        if made is None:
            raise Unavailable("The upload took too long; what came first is gone. Send it again.")
        if made.job_id != job.job_id:
            await self._drop(ref)
        with suppress(Unavailable):  # workers look for jobs by themselves, too
            await self._queue.enqueue(made.tenant_id, made.job_id)
        return made

    async def _receive(
        self, ref: tuple[str, str], stream: AsyncIterator[bytes], *, gzip: bool
    ) -> tuple[int, int]:
        chunks = lines = 0
        async for chunk in chunks_of(gunzipped(stream) if gzip else plain_blocks(stream)):
            sealed = self._cipher.seal_chunk(*ref, chunk)
            await self._spool.add(ref, chunk.number, len(chunk.lines), sealed)
            chunks, lines = chunks + 1, lines + len(chunk.lines)
        return chunks, lines

    async def _drop(self, ref: tuple[str, str]) -> None:
        with suppress(Unavailable):  # then the sweep finds it
            await self._spool.clear(ref)
            self._cipher.destroy_spool_key(ref[1])
