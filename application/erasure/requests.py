"""Asking for what is to be done to a person's values: the job says nothing of whom it is about."""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode, b64encode
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import structs

from application.audit.acts import Acts
from application.jobs.asking import Jobs
from application.jobs.ports import LIVE, Job, JobStore, Submitted, new_job_id
from application.ports import Clock, KeyStore
from domain.access.caller import Caller
from domain.audit.acts import Doer
from domain.erasure.requests import Asked, Kind, Request, read_request
from domain.erasure.subjects import Subject

_PURPOSE = "subject"
_NONCE = 12
_PAGE = 100


class SealedSubjects:
    """Seals whom a job is about under a key of the job, which goes with its end: a job's row is
    kept for ever."""

    def __init__(self, key_store: KeyStore) -> None:
        self._key_store = key_store

    def put(self, job: Job, subject: Subject, scope: str) -> Job:
        """The job, about this person. Raises KeyUnavailable."""
        nonce = os.urandom(_NONCE)
        cipher = AESGCM(self._key_store.job_key(job.job_id, _PURPOSE))
        sealed = cipher.encrypt(nonce, msgspec.json.encode(subject), job.job_id.encode())
        request = {"subject": b64encode(nonce + sealed).decode(), "scope": scope}
        return structs.replace(job, request=request)

    def open(self, job: Job) -> Subject | None:
        """Whom the job is about; None once its key is gone. Raises KeyUnavailable."""
        if not self._key_store.has_job_key(job.job_id, _PURPOSE):
            return None
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


class RequestOfPerson:
    """The command behind POST /gdpr/erase-request, /gdpr/pseudonymize and /gdpr/depseudonymize."""

    def __init__(
        self, jobs: Jobs, store: JobStore, acts: Acts, subjects: SealedSubjects, clock: Clock
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._acts = acts
        self._subjects = subjects
        self._clock = clock

    async def __call__(self, caller: Caller, doer: Doer, kind: Kind, value: Any) -> Submitted:
        """Make the job, or join one of this kind that is under way for the same person and scope.
        Raises Invalid, KeyUnavailable, Unavailable."""
        asked = read_request(value, kind)
        there = await self._under_way(caller.tenant_id, asked)
        if there is not None:
            return Submitted(there, replayed=True)
        made = Job(
            tenant_id=caller.tenant_id,
            job_id=new_job_id(),
            kind=kind,
            submitted_by=caller.subject,
            submitted_us=self._clock(),
        )
        await self._acts.act(
            caller.tenant_id, doer, lambda: Request(kind, made.job_id), lambda one: one.ask(asked)
        )
        # A backup may hold the key store's lock as long as it copies: others are to be answered.
        job = await asyncio.to_thread(self._subjects.put, made, asked.subject, asked.scope)
        return await self._jobs.submit(job)

    async def _under_way(self, tenant_id: str, asked: Asked) -> Job | None:
        for status in LIVE:
            page = await self._store.listed(tenant_id, kind=asked.kind, status=status, limit=_PAGE)
            for job in page:
                if job.request.get("scope") != asked.scope:
                    continue
                if await asyncio.to_thread(self._subjects.open, job) == asked.subject:
                    return job
        return None
