"""Running a job: from queued to over, whatever happens on the way.

A handler may be cut off at any point (SIGKILL, a lost database) and is then run again from its
start, perhaps while a worker that was thought dead still runs it: it has to find what is done
already in the transactions that did it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from msgspec import Struct

from application.jobs.ports import Job, JobStore
from application.ports import Statement
from domain.errors import FieldError, Invalid, OrderHistoryError, Unavailable

RETRY_FIRST = 0.2
RETRY_MOST = 10.0
"""Seconds between attempts while a store is away; doubled from the first to the most."""

log = structlog.get_logger(__name__)


class Finished(Struct, frozen=True):
    """A job's end as its handler sees it. `result` None keeps what the job's row has."""

    result: dict[str, Any] | None = None
    errors: list[Any] = []


class Interrupted(Exception):
    """The worker stops; the job stays live and goes on with the next worker."""


class Cancelled(Exception):
    """Somebody ended the job from outside; there is nothing more to do."""


class Run:
    """One attempt at a job, as its handler holds it."""

    def __init__(self, job: Job, store: JobStore, stopping: asyncio.Event) -> None:
        self.job = job
        self._store = store
        self._stopping = stopping

    async def checkpoint(self) -> None:
        """Call between steps. Raises Interrupted or Cancelled when the job must not go on."""
        if self._stopping.is_set():
            raise Interrupted
        job = await self._store.get(self.job.tenant_id, self.job.job_id)
        if job is None or job.is_over:
            raise Cancelled

    async def progress(
        self, done: int, total: int | None, result: dict[str, Any] | None = None
    ) -> None:
        """Say how far it is, and what it has come to so far; raises what `checkpoint` raises."""
        if self._stopping.is_set():
            raise Interrupted
        job = self.job
        if not await self._store.progress(job.tenant_id, job.job_id, done, total, result):
            raise Cancelled

    def reporting(
        self, result: dict[str, Any], done: int | None = None, total: int | None = None
    ) -> Statement:
        """As `JobStore.reporting`, of this job. Raises Interrupted."""
        if self._stopping.is_set():
            raise Interrupted
        job = self.job
        return self._store.reporting(job.tenant_id, job.job_id, result, done, total)


Handler = Callable[[Run], Awaitable[Finished]]
"""Does one kind of job, or raises: Unavailable to be run again, OrderHistoryError to fail with its
words, anything else to fail as a fault of the program."""


class RunJob:
    """Runs jobs by their kind. To add a kind, add a line to `handlers`."""

    def __init__(self, store: JobStore, handlers: Mapping[str, Handler]) -> None:
        self._store = store
        self._handlers = handlers

    @property
    def kinds(self) -> list[str]:
        """The kinds of jobs that it knows to run."""
        return list(self._handlers)

    async def __call__(self, tenant_id: str, job_id: str, stopping: asyncio.Event) -> None:
        """Run a job to its end. Raises Interrupted when `stopping` is set before that."""
        pause = RETRY_FIRST
        while True:
            try:
                await self._attempt(tenant_id, job_id, stopping)
                return
            except Unavailable as error:
                log.warning("job waits", job_id=job_id, error=type(error).__name__)
            await pause_for(pause, stopping)
            pause = min(2 * pause, RETRY_MOST)

    async def _attempt(self, tenant_id: str, job_id: str, stopping: asyncio.Event) -> None:
        job = await self._store.begin(tenant_id, job_id)
        if job is None or job.is_over:
            return
        try:
            finished = await self._handle(Run(job, self._store, stopping))
        except Cancelled:
            return
        except (Interrupted, Unavailable):
            raise
        except OrderHistoryError as error:
            await self._store.finish(tenant_id, job_id, "failed", errors=_told(error))
        except Exception as error:  # noqa: BLE001  # whatever it is, the job must not hang
            # Its message may carry values of a payload: the class has to do, here and in the log.
            name = type(error).__name__
            # The class alone: a traceback may show values of an event.
            log.error("job failed", job_id=job_id, kind=job.kind, error=name)  # noqa: TRY400
            wrong = {"pointer": "", "detail": f"an unexpected error ({name}) ended the job"}
            await self._store.finish(tenant_id, job_id, "failed", errors=[wrong])
        else:
            await self._store.finish(
                tenant_id, job_id, "succeeded", result=finished.result, errors=finished.errors
            )

    async def _handle(self, run: Run) -> Finished:
        handler = self._handlers.get(run.job.kind)
        if handler is None:
            raise OrderHistoryError(f"no worker knows jobs of the kind {run.job.kind}")
        return await handler(run)


async def pause_for(seconds: float, stopping: asyncio.Event) -> None:
    """Raises Interrupted when `stopping` is set, before or meanwhile."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
    raise Interrupted


def _told(error: OrderHistoryError) -> list[dict[str, str]]:
    fields = error.errors if isinstance(error, Invalid) else (FieldError("", str(error)),)
    return [{"pointer": field.pointer, "detail": field.detail} for field in fields]
