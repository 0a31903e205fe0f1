"""Submitting, reading and cancelling jobs, each within its caller's rights."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic

from msgspec import structs

from application.jobs.ports import LIVE, Job, JobQueue, JobStore, Status, Submitted
from domain.access.caller import Caller
from domain.access.permissions import Permission
from domain.errors import Invalid, NotFound, Unavailable
from domain.ledger.append import IDEMPOTENCY_KEY

MAX_WAIT = 60
"""Seconds that a request may wait for the end of a job."""

_POLL_FIRST = 0.02
_POLL_MOST = 0.5


class Jobs:
    """A caller sees the jobs that it submitted, or with `jobs.read` all of its tenant. What it may
    not see is not there: NotFound, as for a job that never was. results: by kinds of jobs whose
    results name orders, the right that shows them to who has not submitted the job."""

    def __init__(
        self, store: JobStore, queue: JobQueue, results: Mapping[str, Permission] | None = None
    ) -> None:
        self._store = store
        self._queue = queue
        self._results = results or {}

    async def submit(self, job: Job) -> Submitted:
        """Make the job durable and wake a worker; or give back the one that the same request made
        with the same submitter and idempotency_key. Raises Invalid when that was another request.
        """
        made = await self._store.create(job)
        if not made.is_over:
            # The job is durable: a worker finds it by itself within seconds.
            with suppress(Unavailable):
                await self._queue.enqueue(made.tenant_id, made.job_id)
        return _submitted(job, made)

    async def repeated(self, job: Job) -> Submitted | None:
        """What `submit` would give back if the job's key was used before; None if it was not."""
        if job.idempotency_key is None:
            return None
        made = await self._store.with_key(job.tenant_id, job.submitted_by, job.idempotency_key)
        return None if made is None else _submitted(job, made)

    async def get(self, caller: Caller, job_id: str) -> Job:
        """Raises NotFound."""
        job = await self._store.get(caller.tenant_id, job_id)
        own = job is not None and job.submitted_by == caller.subject
        if job is None or not (own or caller.may(Permission.JOBS_READ)):
            raise NotFound
        return self._shown(caller, job)

    def _shown(self, caller: Caller, job: Job) -> Job:
        """Without its result, where that is not for the caller."""
        needed = self._results.get(job.kind)
        if needed is None or job.submitted_by == caller.subject or caller.may(needed):
            return job
        return structs.replace(job, result={})

    async def listed(
        self,
        caller: Caller,
        *,
        kind: str | None = None,
        status: Status | None = None,
        before: tuple[int, str] | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """The jobs that the caller may see, the newest first; `before` as in the JobStore."""
        found = await self._store.listed(
            caller.tenant_id,
            submitted_by=None if caller.may(Permission.JOBS_READ) else caller.subject,
            kind=kind,
            status=status,
            before=before,
            limit=limit,
        )
        return [self._shown(caller, job) for job in found]

    async def wait(self, job: Job, seconds: float) -> Job:
        """The job when it is over, or as it stands after so many seconds (at most MAX_WAIT)."""
        deadline = monotonic() + min(seconds, MAX_WAIT)
        pause = _POLL_FIRST
        while not job.is_over and (left := deadline - monotonic()) > 0:
            await asyncio.sleep(min(pause, left))
            pause = min(1.5 * pause, _POLL_MOST)
            job = await self._store.get(job.tenant_id, job.job_id) or job
        return job

    async def cancel(self, caller: Caller, job_id: str) -> Job:
        """End a live job before its next step; what it has recorded stays. A job that is over
        stays as it is. Raises NotFound."""
        job = await self.get(caller, job_id)
        if job.submitted_by != caller.subject:
            caller.require(Permission.JOBS_RUN)
        await self._store.finish(job.tenant_id, job_id, "cancelled")
        return await self.get(caller, job_id)


def _submitted(asked: Job, made: Job) -> Submitted:
    if (made.kind, made.request) != (asked.kind, asked.request):
        raise Invalid.field(IDEMPOTENCY_KEY, "was used for another request; send a new key")
    return Submitted(made, replayed=made.job_id != asked.job_id)


async def under_way(store: JobStore, tenant_id: str, kind: str) -> bool:
    """Whether a job of the tenant of this kind is not over yet. Raises Unavailable."""
    for status in LIVE:  # in the order in which a job has them, so that none slips through
        if await store.listed(tenant_id, kind=kind, status=status, limit=1):
            return True
    return False
