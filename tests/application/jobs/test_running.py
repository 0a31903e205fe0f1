from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import structlog

from application.jobs import running
from application.jobs.ports import Job, Status
from application.jobs.running import Cancelled, Finished, Handler, Interrupted, Run, RunJob
from domain.errors import FieldError, Invalid, NotFound, Unavailable

pytestmark = pytest.mark.anyio


class OneJob:
    """A store of one job, which fails as often as it is told."""

    def __init__(self) -> None:
        self.job = Job(tenant_id="t", job_id="job_1", kind="k", submitted_by="s", submitted_us=1)
        self.failures = 0

    async def get(self, tenant_id: str, job_id: str) -> Job | None:
        return self.job

    async def begin(self, tenant_id: str, job_id: str) -> Job | None:
        if not self.job.is_over:
            self.job = msgspec.structs.replace(self.job, status="running")
        return self.job

    async def progress(
        self,
        tenant_id: str,
        job_id: str,
        done: int,
        total: int | None,
        result: dict[str, Any] | None = None,
    ) -> bool:
        return not self.job.is_over

    async def finish(
        self,
        tenant_id: str,
        job_id: str,
        status: Status,
        *,
        result: dict[str, Any] | None = None,
        errors: Sequence[Any] = (),
    ) -> bool:
        if self.failures:
            self.failures -= 1
            raise Unavailable
        self.job = msgspec.structs.replace(
            self.job, status=status, result=result or {}, errors=list(errors)
        )
        return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "RETRY_FIRST", 0.0)


async def run(store: OneJob, handler: Handler, stopping: asyncio.Event | None = None) -> None:
    await RunJob(store, {"k": handler})("t", "job_1", stopping or asyncio.Event())  # type: ignore[arg-type]


async def test_a_job_fails_with_the_words_of_a_refusal() -> None:
    async def refuse(_: Run) -> Finished:
        raise Invalid([FieldError("/at", "is no time"), FieldError("", "and more")])

    store = OneJob()
    await run(store, refuse)
    assert store.job.status == "failed"
    assert store.job.errors == [
        {"pointer": "/at", "detail": "is no time"},
        {"pointer": "", "detail": "and more"},
    ]


async def test_an_unexpected_error_fails_the_job_and_tells_nothing_personal() -> None:
    async def stumble(_: Run) -> Finished:
        raise KeyError("maria@example.org")

    store = OneJob()
    with structlog.testing.capture_logs() as logs:
        await run(store, stumble)
    assert store.job.status == "failed"
    assert "KeyError" in store.job.errors[0]["detail"]
    assert "maria" not in repr(store.job) + repr(logs)


async def test_a_job_is_tried_until_the_store_is_back() -> None:
    attempts = 0

    async def third(_: Run) -> Finished:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise Unavailable
        return Finished({"attempts": attempts})

    store = OneJob()
    store.failures = 2
    await run(store, third)
    assert (store.job.status, store.job.result) == ("succeeded", {"attempts": 5})


async def test_a_stopping_worker_does_not_wait_for_the_store() -> None:
    async def away(_: Run) -> Finished:
        raise Unavailable

    stopping = asyncio.Event()
    stopping.set()
    store = OneJob()
    with pytest.raises(Interrupted):
        await run(store, away, stopping)
    assert store.job.status == "running"


async def test_a_kind_that_nobody_knows_fails() -> None:
    store = OneJob()
    await RunJob(store, {})("t", "job_1", asyncio.Event())  # type: ignore[arg-type]
    assert store.job.status == "failed"


async def test_a_job_that_is_over_is_not_run() -> None:
    async def forbidden(_: Run) -> Finished:
        raise NotFound

    store = OneJob()
    await store.finish("t", "job_1", "cancelled")
    await run(store, forbidden)
    assert store.job.status == "cancelled"


async def test_checkpoints_tell_of_cancelling_and_stopping() -> None:
    store, stopping = OneJob(), asyncio.Event()
    at = Run(store.job, store, stopping)  # type: ignore[arg-type]
    await at.checkpoint()
    await at.progress(1, 2)
    await store.finish("t", "job_1", "cancelled")
    with pytest.raises(Cancelled):
        await at.checkpoint()
    with pytest.raises(Cancelled):
        await at.progress(1, 2)
    stopping.set()
    with pytest.raises(Interrupted):
        await at.checkpoint()
    with pytest.raises(Interrupted):
        await at.progress(1, 2)
