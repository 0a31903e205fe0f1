"""Asking for pseudonyms, or for what they stand for: the job says nothing of whom it is about."""

from __future__ import annotations

import asyncio
from typing import Any

from application.audit.acts import Acts
from application.erasure.requests import Request, SealedSubjects, job_of, under_way
from application.jobs.asking import Jobs
from application.jobs.ports import JobStore, Submitted, new_job_id
from application.ports import Clock
from domain.access.caller import Caller
from domain.audit.acts import Act, Doer
from domain.pseudonyms.requests import read_request, requested


class RequestPseudonyms:
    """The command behind POST /gdpr/pseudonymize and POST /gdpr/depseudonymize."""

    def __init__(
        self, jobs: Jobs, store: JobStore, acts: Acts, subjects: SealedSubjects, clock: Clock
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._acts = acts
        self._subjects = subjects
        self._clock = clock

    async def __call__(self, caller: Caller, doer: Doer, kind: str, value: Any) -> Submitted:
        """Make the job, or join one of this kind that is under way for the same person. Raises
        Invalid, Unavailable."""
        asked = read_request(value, kind)
        tenant_id, subjects = caller.tenant_id, self._subjects
        there = await under_way(self._store, subjects, tenant_id, kind, asked.subject)
        if there is not None:
            return Submitted(there, replayed=True)
        job_id = new_job_id()
        after = {"job_id": job_id}
        if asked.reason is not None:
            after["reason"] = asked.reason
        act = Act(requested(kind), f"{kind}/{job_id}", None, after)
        await self._acts.act(tenant_id, doer, lambda: Request(job_id, kind), lambda _: act)
        job = await asyncio.to_thread(
            job_of,
            subjects,
            tenant_id,
            job_id,
            caller.subject,
            self._clock(),
            asked.subject,
            kind=kind,
        )
        return await self._jobs.submit(job)
