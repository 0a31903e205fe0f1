"""procrastinate: which worker looks at which job, and when.

Its rows say only that somebody should look; whether there is something to do is said by the job's
own row (store.py). So a row of the queue that is lost, doubled or left over does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job as QueueJob
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from psycopg.errors import RaiseException
from psycopg_pool import PoolClosed, PoolTimeout

from domain.errors import Unavailable
from infrastructure.postgres.connect import POOL_TIMEOUT, Pool, address

SCHEMA = "procrastinate"
STALLED_AFTER = 4.0
"""Seconds without a heartbeat after which a worker counts as dead, and its jobs go to others."""

_HEARTBEAT = 1.0
_POLL = 2.0
_STOP_WITHIN = 5.0
_CONNECTIONS = 4
_LAST_WORDS = 5
_TASK = "run_job"
_OVER = "always"

log = structlog.get_logger(__name__)
Run = Callable[[str, str], Awaitable[None]]


async def _run_nothing(tenant_id: str, job_id: str) -> None:
    raise AssertionError(f"who only enqueues jobs runs none: {tenant_id}, {job_id}")


class ProcrastinateQueue:
    """Implements `application.jobs.ports.JobQueue` for the jobs of one cell.

    `run` is what a worker does with (tenant_id, job_id).
    """

    def __init__(self, url: str, cell: str, *, name: str, run: Run = _run_nothing) -> None:
        self._cell = cell
        # procrastinate's listener passes `autocommit` itself, which the pool's arguments must not.
        connector = PsycopgConnector(
            pool_factory=Pool,
            conninfo=address(url, SCHEMA, name=name),
            min_size=0,
            max_size=_CONNECTIONS,
            timeout=POOL_TIMEOUT,
            reconnect_timeout=POOL_TIMEOUT,
        )
        self._app = App(connector=connector)
        self._app.job_manager = _Patient(connector)
        self._task = self._app.task(name=_TASK, queue=cell)(run)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Connections while inside; does not wait for the database."""
        async with self._app.open_async():
            yield

    async def enqueue(self, tenant_id: str, job_id: str) -> None:
        deferrer = self._task.configure(lock=job_id, queueing_lock=job_id)
        with _queue_errors(), suppress(AlreadyEnqueued):
            await deferrer.defer_async(tenant_id=tenant_id, job_id=job_id)

    async def enqueued(self) -> set[str]:
        """Ids of jobs that wait for a worker or have one."""
        found: set[str] = set()
        with _queue_errors():
            for status in (Status.TODO, Status.DOING):
                rows = await self._app.job_manager.list_jobs_async(
                    queue=self._cell, status=status.value
                )
                found.update(row.lock for row in rows if row.lock is not None)
        return found

    async def rescue(self) -> None:
        """Let others have the jobs of workers that died."""
        with _queue_errors():
            manager = self._app.job_manager
            stalled = await manager.get_stalled_jobs(
                queue=self._cell, seconds_since_heartbeat=STALLED_AFTER
            )
            for row in stalled:
                try:
                    await manager.retry_job(row)
                except UniqueViolation:  # the job waits in another row already
                    await manager.finish_job(row, Status.FAILED, delete_job=True)

    async def work(self, concurrency: int) -> None:
        """Run jobs until cancelled; returns by itself when the database is away. Once cancelled,
        gives running jobs a few seconds to come to a checkpoint."""
        with _queue_errors():
            await self._app.run_worker_async(
                queues=[self._cell],
                concurrency=concurrency,
                install_signal_handlers=False,
                fetch_job_polling_interval=_POLL,
                shutdown_graceful_timeout=_STOP_WITHIN,
                update_heartbeat_interval=_HEARTBEAT,
                stalled_worker_timeout=STALLED_AFTER,
                delete_jobs=_OVER,
            )


class _Patient(JobManager):
    """Waits for the database with a worker's last word on a row. procrastinate itself would drop
    it, with an error that nobody retrieves, and the row would look busy as long as the worker
    lives."""

    async def finish_job(self, job: QueueJob, status: Status, delete_job: bool) -> None:
        for _ in range(_LAST_WORDS):
            try:
                await super().finish_job(job, status, delete_job)
                return
            except (ConnectorException, PoolTimeout, PoolClosed, OSError) as error:
                if isinstance(error.__cause__, RaiseException):
                    return  # the row is gone: a rescuer thought this worker dead
            await asyncio.sleep(_HEARTBEAT)
        log.warning("a finished job stays in the queue", job_id=job.lock)


@contextmanager
def _queue_errors() -> Iterator[None]:
    """All that can be wrong with these few statements is that the database is away."""
    try:
        yield
    except (ConnectorException, PoolTimeout, PoolClosed, OSError) as error:
        raise Unavailable from error
