"""Asking for an erasure: the job that it becomes says nothing of whom it is about."""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode, b64encode
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.audit.acts import Acts
from application.jobs.asking import Jobs
from application.jobs.ports import LIVE, Job, JobStore, Submitted, new_job_id
from application.ports import Clock, KeyStore
from domain.access.caller import Caller
from domain.audit.acts import Act, Doer, Fact
from domain.erasure.subjects import REQUESTED, Subject, read_request

ERASURE = "erasure"
_PURPOSE = "subject"
_NONCE = 12
_PAGE = 100


class SealedSubjects:
    """Seals whom a job is about under a key of the job, which goes with its end: a job's row is
    kept for ever."""

    def __init__(self, key_store: KeyStore) -> None:
        self._key_store = key_store

    def seal(self, job_id: str, subject: Subject) -> str:
        """Raises KeyUnavailable."""
        nonce = os.urandom(_NONCE)
        cipher = AESGCM(self._key_store.job_key(job_id, _PURPOSE))
        sealed = cipher.encrypt(nonce, msgspec.json.encode(subject), job_id.encode())
        return b64encode(nonce + sealed).decode()

    def open(self, job: Job) -> Subject | None:
        """Whom the job is about; None once its key is gone. Raises KeyUnavailable."""
        raw = b64decode(job.request["subject"])
        cipher = AESGCM(self._key_store.job_key(job.job_id, _PURPOSE))
        try:
            plain = cipher.decrypt(raw[:_NONCE], raw[_NONCE:], job.job_id.encode())
        except InvalidTag:
            self.destroy(job.job_id)  # asking for it has made another
            return None
        return msgspec.json.decode(plain, type=Subject)

    def destroy(self, job_id: str) -> None:
        """Nobody reads any more whom the job was about. Raises KeyUnavailable."""
        self._key_store.destroy_job_key(job_id, _PURPOSE)


class Request:
    """A job's stream on the ledger, as far as asking goes: it is asked for once."""

    def __init__(self, job_id: str, kind: str = ERASURE) -> None:
        self.stream = f"{kind}-request/{job_id}"
        self.version = 0

    def apply(self, fact: Fact) -> None:
        """There is nothing to know of it."""


class RequestErasure:
    """The command behind POST /gdpr/erase-request."""

    def __init__(
        self, jobs: Jobs, store: JobStore, acts: Acts, subjects: SealedSubjects, clock: Clock
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._acts = acts
        self._subjects = subjects
        self._clock = clock

    async def __call__(self, caller: Caller, doer: Doer, value: Any) -> Submitted:
        """Make the job, or join one that is under way for the same person and scope. Raises
        Invalid, Unavailable."""
        asked = read_request(value)
        there = await under_way(
            self._store, self._subjects, caller.tenant_id, ERASURE, asked.subject, asked.scope
        )
        if there is not None:
            return Submitted(there, replayed=True)
        job_id = new_job_id()
        after = {"job_id": job_id, "scope": asked.scope}
        if asked.reason is not None:
            after["reason"] = asked.reason
        act = Act(REQUESTED, f"erasure/{job_id}", None, after)
        await self._acts.act(caller.tenant_id, doer, lambda: Request(job_id), lambda _: act)
        # A backup may hold the key store's lock as long as it copies: others are to be answered.
        job = await asyncio.to_thread(
            job_of,
            self._subjects,
            caller.tenant_id,
            job_id,
            caller.subject,
            self._clock(),
            asked.subject,
            asked.scope,
        )
        return await self._jobs.submit(job)


async def under_way(
    store: JobStore,
    subjects: SealedSubjects,
    tenant_id: str,
    kind: str,
    subject: Subject,
    scope: str = "order_data",
) -> Job | None:
    """A job of this kind for the same person and scope that is not over. Raises Unavailable,
    KeyUnavailable."""
    for status in LIVE:
        for job in await store.listed(tenant_id, kind=kind, status=status, limit=_PAGE):
            if job.request.get("scope") != scope:
                continue
            if await asyncio.to_thread(subjects.open, job) == subject:
                return job
    return None


def job_of(
    subjects: SealedSubjects,
    tenant_id: str,
    job_id: str,
    submitted_by: str,
    now_us: int,
    subject: Subject,
    scope: str = "order_data",
    kind: str = ERASURE,
) -> Job:
    """The job that erases a person, or does what this kind does. Raises KeyUnavailable."""
    return Job(
        tenant_id=tenant_id,
        job_id=job_id,
        kind=kind,
        submitted_by=submitted_by,
        submitted_us=now_us,
        request={"subject": subjects.seal(job_id, subject), "scope": scope},
    )
