"""Jobs on procrastinate and the real database; workers that stop, die, and lose their database."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from application.jobs.ports import Job, new_job_id
from application.jobs.running import Finished, Handler, Run, RunJob
from infrastructure.jobs.queue import ProcrastinateQueue
from infrastructure.jobs.runner import JobRunner
from infrastructure.jobs.store import PostgresJobStore
from infrastructure.postgres.connect import Pool, open_pool

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[3]
PATIENCE = 30.0


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, "cell_0", min=1, max=6, name="test jobs")
    yield pool
    await pool.close()


@pytest.fixture
def store(pool: Pool) -> PostgresJobStore:
    return PostgresJobStore(pool, lambda: time.time_ns() // 1000)


@pytest.fixture
async def queue(database_url: str) -> AsyncIterator[ProcrastinateQueue]:
    queue = ProcrastinateQueue(database_url, "cell_0", name="test queue")
    async with queue.opened():
        yield queue


async def made(store: PostgresJobStore, kind: str) -> Job:
    return await store.create(
        Job(tenant_id="t", job_id=new_job_id(), kind=kind, submitted_by="s", submitted_us=1)
    )


@asynccontextmanager
async def working(url: str, store: PostgresJobStore, **handlers: Handler) -> AsyncIterator[None]:
    runner = JobRunner(url, "cell_0", RunJob(store, handlers), store)
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110  # what is waited for is in a database
            await asyncio.sleep(0.02)


async def ended(store: PostgresJobStore, job: Job) -> Job:
    async def over() -> bool:
        return (found := await store.get("t", job.job_id)) is not None and found.is_over

    await until(over)
    found = await store.get("t", job.job_id)
    assert found is not None
    return found


async def succeed(run: Run) -> Finished:
    return Finished({"kind": run.job.kind})


async def test_runs_what_is_enqueued_and_leaves_no_row(
    database_url: str, store: PostgresJobStore, queue: ProcrastinateQueue
) -> None:
    async with working(database_url, store, quick=succeed):
        jobs = [await made(store, "quick") for _ in range(10)]
        for job in jobs:
            await queue.enqueue("t", job.job_id)
            await queue.enqueue("t", job.job_id)
        for job in jobs:
            after = await ended(store, job)
            assert (after.status, after.result) == ("succeeded", {"kind": "quick"})

        async def empty() -> bool:
            return await queue.enqueued() == set()

        await until(empty)


async def test_finds_jobs_that_were_never_enqueued(
    database_url: str, store: PostgresJobStore
) -> None:
    job = await made(store, "quick")
    async with working(database_url, store, quick=succeed):
        assert (await ended(store, job)).status == "succeeded"


async def test_a_stopped_worker_leaves_its_job_live(
    database_url: str, store: PostgresJobStore, queue: ProcrastinateQueue
) -> None:
    job = await made(store, "long")
    runs = 0

    async def long(run: Run) -> Finished:
        nonlocal runs
        runs += 1
        while runs == 1:
            await run.checkpoint()
            await asyncio.sleep(0.01)
        return Finished({"runs": runs})

    async def started() -> bool:
        return runs > 0

    async with working(database_url, store, long=long):
        await queue.enqueue("t", job.job_id)
        await until(started)
    between = await store.get("t", job.job_id)
    assert between is not None
    assert between.status == "running"
    async with working(database_url, store, long=long):
        assert (await ended(store, job)).result == {"runs": 2}


async def test_a_killed_workers_job_goes_on_with_the_next(
    database_url: str, store: PostgresJobStore, tmp_path: Path
) -> None:
    job = await made(store, "slow")
    diary = tmp_path / "diary"
    script = [sys.executable, str(Path(__file__).parent / "worker.py"), database_url, str(diary)]
    env = {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(script, cwd=ROOT, env=env) as child:  # noqa: ASYNC220  # starts at once

        async def began() -> bool:
            return diary.exists() and bool(diary.read_text())

        try:
            await until(began)
        finally:
            child.send_signal(signal.SIGKILL)
    assert diary.read_text().split() == [job.job_id]
    async with working(database_url, store, slow=succeed):
        assert (await ended(store, job)).status == "succeeded"


async def test_outlives_its_connections(
    database_url: str, store: PostgresJobStore, queue: ProcrastinateQueue
) -> None:
    job = await made(store, "long")
    gate = asyncio.Event()

    async def long(run: Run) -> Finished:
        while not gate.is_set():
            await run.checkpoint()
            await asyncio.sleep(0.02)
        return Finished({})

    async def running() -> bool:
        found = await store.get("t", job.job_id)
        return found is not None and found.status == "running"

    async with working(database_url, store, long=long):
        await until(running)
        for _ in range(3):
            with psycopg.connect(database_url, autocommit=True) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid()"
                )
            await asyncio.sleep(0.3)
        gate.set()
        assert (await ended(store, job)).status == "succeeded"
        second = await made(store, "long")
        assert (await ended(store, second)).status == "succeeded"
