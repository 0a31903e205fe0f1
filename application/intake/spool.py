"""Receiving a bulk body: onto the disk, sealed, as it comes; a job once it is complete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec
from msgspec.structs import replace

from application.intake.chunks import Chunk, JobCipher, chunks_of
from application.intake.fingerprint import Fingerprint, Fingerprinter, Fingerprinting, same
from application.intake.lines import gunzipped, plain_blocks
from application.intake.ports import SpoolStore, Tally
from application.jobs.ports import Job, JobQueue, JobStore, Submitted, new_job_id
from application.ports import Clock
from application.tenancy.ports import ServedTenants
from domain.access.caller import Caller
from domain.access.permissions import Permission
from domain.access.scope import ANYTHING, Reach
from domain.errors import Invalid, TenantLeft, Unavailable
from domain.ledger.append import IDEMPOTENCY_KEY

BULK_INGEST = "bulk_ingest"
_FINGERPRINT = "fingerprint"
_REACH = "reach"


class ReceiveBulk:
    """The command behind POST /events/bulk."""

    def __init__(
        self,
        jobs: JobStore,
        queue: JobQueue,
        spool: SpoolStore,
        cipher: JobCipher,
        fingerprinter: Fingerprinter,
        served: ServedTenants,
        clock: Clock,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._spool = spool
        self._cipher = cipher
        self._fingerprinter = fingerprinter
        self._served = served
        self._clock = clock

    async def __call__(
        self,
        caller: Caller,
        stream: AsyncIterator[bytes],
        *,
        gzip: bool = False,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """Spool the whole body and make its job; or give back the job that the same body made with
        the same key. Memory stays bounded; what was spooled of a body that is not complete is
        removed.

        Raises Unreadable (not gzip, cut off), TooLarge (a bomb), Unavailable, Invalid for a key
        that came with another body before, TenantLeft for a tenant that left while it came.
        """
        chunks = chunks_of(gunzipped(stream) if gzip else plain_blocks(stream))
        if idempotency_key is None:
            return await self._make(self._job(caller), chunks, None)
        who = (caller.tenant_id, caller.subject, idempotency_key)
        # Jobs of other kinds have keys without a space: one key may serve two endpoints.
        key = f"{BULK_INGEST} {idempotency_key}"
        earlier = await self._jobs.with_key(caller.tenant_id, caller.subject, key)
        if earlier is not None:
            return await self._replay(earlier, chunks, who)
        return await self._make(self._job(caller, key), chunks, self._fingerprinter.begin(who))

    def _job(self, caller: Caller, key: str | None = None) -> Job:
        reach = caller.reach(Permission.EVENTS_APPEND)
        return Job(
            tenant_id=caller.tenant_id,
            job_id=new_job_id(),
            kind=BULK_INGEST,
            submitted_by=caller.subject,
            submitted_us=self._clock(),
            idempotency_key=key,
            request={} if reach.is_of_all_events else {_REACH: msgspec.to_builtins(reach)},
            result=msgspec.to_builtins(Tally()),
        )

    async def _replay(
        self, earlier: Job, chunks: AsyncIterator[Chunk], who: tuple[str, str, str]
    ) -> Submitted:
        """Read the body again, and keep nothing of it."""
        kept = _fingerprint(earlier)
        fingerprinting = None if kept is None else self._fingerprinter.begin_again(who, kept)
        if kept is None or fingerprinting is None:
            detail = "was used before, too long ago to compare the bodies; send a new key"
            raise Invalid.field(IDEMPOTENCY_KEY, detail)
        async for chunk in chunks:
            fingerprinting.feed(chunk.lines)
        return _same_job(earlier, kept, fingerprinting.finish())

    async def _make(
        self, job: Job, chunks: AsyncIterator[Chunk], fingerprinting: Fingerprinting | None
    ) -> Submitted:
        ref = (job.tenant_id, job.job_id)
        try:
            number, lines = await self._receive(ref, chunks, fingerprinting)
            await self._require_here(job.tenant_id)
        except BaseException:
            await asyncio.shield(self._drop(ref))
            raise
        ours = None if fingerprinting is None else fingerprinting.finish()
        if ours is not None:
            request = {**job.request, _FINGERPRINT: msgspec.to_builtins(ours)}
            job = replace(job, request=request)
        # From here on the job may be there though an error is raised; the sweep tells.
        made = await self._spool.complete(replace(job, total=lines), number)
        if made is None:
            raise Unavailable("The upload took too long; what came first is gone. Send it again.")
        if made.job_id != job.job_id:
            await self._drop(ref)
            return _made_meanwhile(made, ours)
        with suppress(Unavailable):  # workers look for jobs by themselves, too
            await self._queue.enqueue(made.tenant_id, made.job_id)
        return Submitted(made, replayed=False)

    async def _require_here(self, tenant_id: str) -> None:
        if not await self._served.is_here(tenant_id):
            raise TenantLeft

    async def _receive(
        self,
        ref: tuple[str, str],
        stream: AsyncIterator[Chunk],
        fingerprinting: Fingerprinting | None,
    ) -> tuple[int, int]:
        chunks = lines = 0
        async for chunk in stream:
            if fingerprinting is not None:
                fingerprinting.feed(chunk.lines)
            sealed = self._cipher.seal_chunk(*ref, chunk)
            await self._spool.add(ref, chunk.number, len(chunk.lines), sealed)
            chunks, lines = chunks + 1, lines + len(chunk.lines)
        return chunks, lines

    async def _drop(self, ref: tuple[str, str]) -> None:
        with suppress(Unavailable):  # then the sweep finds it
            await self._spool.clear(ref)
            self._cipher.destroy_spool_key(ref[1])


def reach_of(job: Job) -> Reach:
    """How far who submitted the job might record events when it did."""
    kept = job.request.get(_REACH)
    return ANYTHING if kept is None else msgspec.convert(kept, Reach)


def _fingerprint(job: Job) -> Fingerprint | None:
    kept = job.request.get(_FINGERPRINT)
    return None if kept is None else msgspec.convert(kept, Fingerprint)


def _made_meanwhile(made: Job, ours: Fingerprint | None) -> Submitted:
    """The job of an upload with the same key that was complete before this one."""
    theirs = _fingerprint(made)
    if ours is None or theirs is None or theirs.key_id != ours.key_id:
        # The tenant's key was changed in between. The next attempt begins with their key.
        raise Unavailable("The same Idempotency-Key was used meanwhile. Send it again.")
    return _same_job(made, theirs, ours)


def _same_job(job: Job, theirs: Fingerprint, ours: Fingerprint) -> Submitted:
    if not same(theirs, ours):
        raise Invalid.field(IDEMPOTENCY_KEY, "was used for another body; send a new key")
    return Submitted(job, replayed=True)
