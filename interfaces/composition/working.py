"""The worker process: read models, jobs, snapshots, schedules."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
import uvloop
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from application.intake.bulk import BulkIngest
from application.intake.spool import BULK_INGEST
from application.intake.sweeping import Sweep
from application.jobs.running import Handler, RunJob
from application.retention.requests import RETENTION
from application.snapshots.computing import SNAPSHOT_COMPUTE, ComputeSnapshot
from application.watching.scheduled import Scheduled
from domain.erasure.requests import ERASURE, PSEUDONYMISATION, REVERSAL
from domain.errors import OrderHistoryError
from domain.times import SECOND
from infrastructure.erasure.turns import PostgresTurns
from infrastructure.event_store.notifier import channel
from infrastructure.event_store.snapshotting import Snapshotter
from infrastructure.jobs.runner import JobRunner
from infrastructure.watching.schedules import ScheduleRuns
from interfaces.collector import spare_the_collector
from interfaces.composition.access_log import draining_access, tending_access
from interfaces.composition.connections import blocking, clock, connecting
from interfaces.composition.endings import daily_retention, end_of_duties, tell_endings
from interfaces.composition.erasing import erase_again, erasing, telling_again, tending_lines
from interfaces.composition.lifelines import lifelines
from interfaces.composition.looking_after import maintenance_handlers, reconciler
from interfaces.composition.models import models
from interfaces.composition.proving import self_audit, signer
from interfaces.composition.pseudonyms import pseudonymising, reversing
from interfaces.composition.retaining import retaining
from interfaces.composition.tenancy import destroy_again, destroy_keys_again
from interfaces.composition.tracing import tracing
from interfaces.composition.witnessing import witnessing
from interfaces.composition.writing import WriteSide, writing
from interfaces.http.problems import describe_error
from interfaces.settings import Settings
from projections.hub import Hub
from projections.registry import NAMES
from projections.traces import PruneTraces

SWEEP_MINUTES = 5
PRUNE_MINUTES = 1
ACCESS_MINUTES = 1
HOLDS_MINUTES = 1
ERASURES_MINUTES = 1
RETENTION_MINUTES = 15
"""Once a day is enough; a worker that is restarted each hour has to come to it as well."""
DUTIES_MINUTES = 60
LEAVINGS_MINUTES = 1

Loop = Callable[[], Awaitable[None]]
log = structlog.get_logger(__name__)


class WorkerFailed(OrderHistoryError):
    """A loop of the worker ended by an error; the line before names its class and its place."""


def handlers(side: WriteSide) -> dict[str, Handler]:
    """What does the jobs of each kind; a new kind is one line more."""
    return {
        BULK_INGEST: BulkIngest(side.recording, side.spool, side.job_cipher),
        SNAPSHOT_COMPUTE: ComputeSnapshot(side.capture, PostgresTurns(side.pool)),
        ERASURE: erasing(side),
        RETENTION: retaining(side),
        PSEUDONYMISATION: pseudonymising(side),
        REVERSAL: reversing(side),
        **maintenance_handlers(side),
    }


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[list[Loop]]:
    """The loops of a worker; each runs until cancelled."""
    async with AsyncExitStack() as stack:
        traced = await stack.enter_async_context(tracing(settings, "worker"))
        side = await stack.enter_async_context(writing(settings, "worker"))
        destroy_keys_again(side)
        await erase_again(side)
        hub = Hub(
            connecting(settings, "hub"),
            channel(settings.cell),
            models(settings),
            spans=traced.projections,
        )
        snapshotter = Snapshotter(blocking(settings, "snapshots"))
        run_job = RunJob(side.jobs, handlers(side))
        runner = JobRunner(settings.database_url, settings.cell, run_job, side.jobs)
        sweep = Sweep(side.spool, side.job_cipher, lifelines(side), clock)
        runs = ScheduleRuns(side.pool, clock)
        scheduler = _schedule(
            runs,
            sweep=(SWEEP_MINUTES, sweep),
            traces=(PRUNE_MINUTES, PruneTraces(side.pool, NAMES)),
            access=(ACCESS_MINUTES, tending_access(side)),
            holds=(HOLDS_MINUTES, tell_endings(side)),
            erasures=(ERASURES_MINUTES, telling_again(side)),
            retention=(RETENTION_MINUTES, daily_retention(side)),
            duties=(DUTIES_MINUTES, end_of_duties(side)),
            lines=(SWEEP_MINUTES, tending_lines(side)),
            leavings=(LEAVINGS_MINUTES, destroy_again(side)),
        )
        stack.callback(scheduler.shutdown, wait=False)
        signing = signer(settings, side.ledger)
        auditing = self_audit(settings, side.ledger)
        reconciling = reconciler(side)
        witnesses = await stack.enter_async_context(witnessing(settings, side))
        draining = draining_access(side)
        watching = [draining.run, signing.run, auditing.run, reconciling.run, *witnesses]
        yield [hub.run, snapshotter.run, runner.run, *watching]


def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or Ctrl-C. What is cut off goes on with the next worker."""
    uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with working(settings) as loops:
        log.info("working")
        spare_the_collector()
        tasks = [asyncio.ensure_future(run()) for run in loops]
        waiting = asyncio.create_task(stopping.wait())
        done, _ = await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, waiting):
            task.cancel()
        await asyncio.gather(*tasks, waiting, return_exceptions=True)
        for task in done:
            if task is not waiting and (error := task.exception()) is not None:
                log.error("worker failed", **describe_error(error))
                raise WorkerFailed


def _schedule(
    runs: ScheduleRuns, **chores: tuple[int, Callable[[], Awaitable[object]]]
) -> AsyncIOScheduler:
    """Each chore by its name, every so many minutes; its runs are noted, for health."""
    scheduler = AsyncIOScheduler()
    for name, (minutes, chore) in chores.items():
        noted = Scheduled(name, minutes * 60 * SECOND, chore, runs)
        scheduler.add_job(noted.run, "interval", minutes=minutes, max_instances=1)
    scheduler.start()
    return scheduler
