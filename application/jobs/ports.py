"""What jobs need from outside, and what a job is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol
from uuid import uuid4

import msgspec
from msgspec import Struct

from application.ports import Statement
from domain.times import format_us

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
LIVE: tuple[Status, ...] = ("queued", "running")


class Job(Struct, frozen=True, kw_only=True):
    """A job as it stands. Nothing in it is personal: `result` and `errors` are shown; `request` is
    not, and tells a repeated request from another one with its idempotency_key.

    `done` and `total` count the job's own units (lines, events); `total` None: not known.
    """

    tenant_id: str
    job_id: str
    kind: str
    submitted_by: str
    submitted_us: int
    status: Status = "queued"
    finished_us: int | None = None
    request: dict[str, Any] = {}
    done: int = 0
    total: int | None = None
    result: dict[str, Any] = {}
    errors: list[Any] = []
    idempotency_key: str | None = None

    @property
    def is_over(self) -> bool:
        return self.status not in LIVE


class Submitted(Struct, frozen=True):
    """The job of a request; `replayed` when the same request had made it before."""

    job: Job
    replayed: bool


class JobStore(Protocol):
    """The rows of jobs. Each method is one transaction, flushed to disk when it returns.

    A job that is over never changes again. Every method raises Unavailable.
    """

    async def create(self, job: Job) -> Job:
        """Add the job; or give back the one that its submitter made with the same
        idempotency_key."""
        ...

    async def get(self, tenant_id: str, job_id: str) -> Job | None: ...

    async def settled(self, tenant_id: str, job_id: str) -> Job | None:
        """The job, once whoever is changing it has ended: also a transaction whose client is gone
        and cannot know whether it came through."""
        ...

    async def with_key(self, tenant_id: str, submitted_by: str, key: str) -> Job | None:
        """The job that this submitter made with this idempotency_key."""
        ...

    async def listed(
        self,
        tenant_id: str,
        *,
        submitted_by: str | None = None,
        kind: str | None = None,
        status: Status | None = None,
        before: tuple[int, str] | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """A tenant's jobs, the newest first. `before`: (submitted_us, job_id) of the last seen."""
        ...

    async def begin(self, tenant_id: str, job_id: str) -> Job | None:
        """Make a queued job running. The job as it stands then, None if there is none."""
        ...

    async def progress(
        self,
        tenant_id: str,
        job_id: str,
        done: int,
        total: int | None,
        result: dict[str, Any] | None = None,
    ) -> bool:
        """Say how far a live job is; whether it still is live. `result` None keeps what it has."""
        ...

    def reporting(
        self,
        tenant_id: str,
        job_id: str,
        result: dict[str, Any],
        done: int | None = None,
        total: int | None = None,
    ) -> Statement:
        """What puts the result into a live job's row, and how far it is unless that is None; for
        the transaction that has the effect. It changes no row once the job is over: the transaction
        must then come to nothing."""
        ...

    async def finish(
        self,
        tenant_id: str,
        job_id: str,
        status: Status,
        *,
        result: dict[str, Any] | None = None,
        errors: Sequence[Any] = (),
    ) -> bool:
        """End a live job; whether it was live. `result` None keeps what it has."""
        ...

    async def live(self, kinds: Sequence[str]) -> list[tuple[str, str]]:
        """(tenant, job id) of all live jobs of these kinds."""
        ...


class Lifelines(Protocol):
    """Signs of life of jobs that run outside the workers, in a process of their own."""

    def held(self, job_id: str) -> AbstractAsyncContextManager[None]:
        """Show that the job's process lives, for as long as this is held or the process lives.
        Take it before the job is made. Raises Unavailable."""
        ...

    async def bury(self, kind: str) -> int:
        """End as failed the running jobs of this kind that nobody holds; how many there were. One
        whose process has just lost the store may be among them. Raises Unavailable."""
        ...


class JobQueue(Protocol):
    """Wakes workers. Says nothing about a job's state: that is the JobStore's."""

    async def enqueue(self, tenant_id: str, job_id: str) -> None:
        """Have a worker run this job; no effect while it waits for one. Raises Unavailable."""
        ...


def new_job_id() -> str:
    """An id that nobody can guess: 122 random bits."""
    return f"job_{uuid4().hex}"


def job_view(job: Job) -> bytes:
    """The job as http.md shows it: JSON."""
    return msgspec.json.encode(
        {
            "job_id": job.job_id,
            "kind": job.kind,
            "status": job.status,
            "submitted_by": job.submitted_by,
            "submitted_at": format_us(job.submitted_us),
            "finished_at": None if job.finished_us is None else format_us(job.finished_us),
            "progress": {"done": job.done, "total": job.total},
            "result": job.result,
            "errors": job.errors,
        }
    )
