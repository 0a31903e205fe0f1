"""Going on with erasures that something was in the way of: a hold, or a duty to keep.

The job that was in its way ends, and tells what it waits for. What goes on is a job of its own, for
the same person, made once for each end; it tells anew what is still retained.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from application.erasure.requests import SealedSubjects
from application.jobs.asking import Jobs, under_way
from application.jobs.ports import Job, JobStore, new_job_id
from application.ports import Clock, Tenants
from application.retention.duties import Duties
from domain.erasure.requests import ERASURE, Kind
from domain.times import parse_us

_PAGE = 100


class ResumeErasures:
    """Implements `application.holds.ending.OnRelease`. kind: of the jobs to go on with."""

    def __init__(
        self,
        jobs: Jobs,
        store: JobStore,
        subjects: SealedSubjects,
        clock: Clock,
        kind: Kind = ERASURE,
    ) -> None:
        self._kind = kind
        self._jobs = jobs
        self._store = store
        self._subjects = subjects
        self._clock = clock

    async def released(self, tenant_id: str, hold_id: str) -> bool:
        """Called any number of times: the job for an earlier one and a hold is made once."""
        # Before looking at those that are over: none slips through between the two.
        over = not await under_way(self._store, tenant_id, self._kind)
        async for job, waits_for in self.waiting(tenant_id):
            if hold_id in waits_for["hold_ids"]:
                await self.resume(job, hold_id)
        return over

    async def waiting(self, tenant_id: str) -> AsyncIterator[tuple[Job, dict[str, Any]]]:
        """The ended jobs that something was in the way of, and what they wait for. Some of them may
        have been resumed. Raises Unavailable."""
        before: tuple[int, str] | None = None
        while True:
            page = await self._store.listed(
                tenant_id, kind=self._kind, status="succeeded", before=before, limit=_PAGE
            )
            for job in page:
                if "waits_for" in job.result:
                    yield job, job.result["waits_for"]
            if len(page) < _PAGE:
                return
            before = page[-1].submitted_us, page[-1].job_id

    async def resume(self, job: Job, end: str) -> bool:
        """Go on after the end of what was in its way; whether there was anything to go on with.
        Raises KeyUnavailable, Unavailable."""
        subject = self._subjects.open(job)
        if subject is None:  # resumed before
            return False
        key = f"after {end} {job.job_id}"
        if await self._store.with_key(job.tenant_id, job.submitted_by, key) is None:
            again = Job(
                tenant_id=job.tenant_id,
                job_id=new_job_id(),
                kind=job.kind,
                submitted_by=job.submitted_by,
                submitted_us=self._clock(),
                idempotency_key=key,
            )
            await self._jobs.submit(self._subjects.put(again, subject, job.request["scope"]))
        self._subjects.destroy(job.job_id)
        return True


class ResumeAfterDuties:
    """To be run by a worker's schedule: goes on with what retention policies kept, once a duty is
    over, or the policies are others."""

    def __init__(
        self, resume: ResumeErasures, tenants: Tenants, duties: Duties, clock: Clock
    ) -> None:
        """tenants: those that ever had a policy."""
        self._resume = resume
        self._tenants = tenants
        self._duties = duties
        self._clock = clock

    async def __call__(self) -> int:
        """How many were resumed. Raises KeyUnavailable, Unavailable."""
        count = 0
        for tenant_id in await self._tenants():
            _, version = (await self._duties.in_force(tenant_id)).guard
            async for job, waits_for in self._resume.waiting(tenant_id):
                if self._is_over(waits_for, version):
                    count += await self._resume.resume(job, "duty")
        return count

    def _is_over(self, waits_for: dict[str, Any], version: int) -> bool:
        over_at = waits_for["duty_over_at"]
        if over_at is None:
            return False
        return version != waits_for["policies_version"] or parse_us(over_at) <= self._clock()
