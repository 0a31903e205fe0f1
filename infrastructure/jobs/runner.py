"""The worker's part that runs jobs, for as long as the process lives."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from application.jobs.ports import JobStore
from application.jobs.running import Interrupted, RunJob
from domain.errors import Unavailable
from infrastructure.jobs.queue import ProcrastinateQueue

CONCURRENCY = 2
_LOOK_EVERY = 2.0
_AWAY_PAUSE = 0.5

log = structlog.get_logger(__name__)


class JobRunner:
    """Runs the jobs of one cell. Any number of them may run, in any number of processes."""

    def __init__(self, url: str, cell: str, run_job: RunJob, store: JobStore) -> None:
        self._run_job = run_job
        self._store = store
        self._queue = ProcrastinateQueue(url, cell, name="order-history jobs", run=self._run)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Run jobs until cancelled; those that run then come to a checkpoint, stay live, and go
        on with the next worker. Waits out a database that is away."""
        while True:
            try:
                async with self._queue.opened():
                    await self._work()
            except Unavailable:
                log.warning("jobs wait for the database")
            await asyncio.sleep(_AWAY_PAUSE)

    async def _work(self) -> None:
        """Until the worker or the rescue gives up."""
        tasks = [
            asyncio.create_task(self._queue.work(CONCURRENCY), name="jobs"),
            asyncio.create_task(self._look_after(), name="jobs rescue"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._stopping.set()
            raise
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _look_after(self) -> None:
        """Find jobs that nobody runs: their worker died, or they were never enqueued."""
        while True:
            await self._queue.rescue()
            live = await self._store.live(self._run_job.kinds)
            enqueued = await self._queue.enqueued()
            for tenant_id, job_id in live:
                if job_id not in enqueued:
                    await self._queue.enqueue(tenant_id, job_id)
            await asyncio.sleep(_LOOK_EVERY)

    async def _run(self, tenant_id: str, job_id: str) -> None:
        with suppress(Interrupted):
            await self._run_job(tenant_id, job_id, self._stopping)
