"""Where the figures of an installation come from."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from functools import partial

from prometheus_client import Metric

from application.intake.importing import IMPORT
from application.intake.spool import BULK_INGEST
from infrastructure.ledger.figures import ledger_figures
from infrastructure.postgres.connect import store_errors
from infrastructure.watching.figures import InstallationFigures
from infrastructure.watching.schedules import ScheduleRuns
from interfaces.composition.access_log import access_waiting
from interfaces.composition.connections import clock
from interfaces.composition.writing import WriteSide
from interfaces.http.health import Health
from interfaces.http.timing import RequestTimes
from interfaces.metrics import (
    InstallationMetrics,
    access_gauges,
    health_gauges,
    job_gauges,
    ledger_gauges,
    model_gauges,
    reconciler_metrics,
    schedule_gauges,
    storage_gauges,
    store_gauges,
)
from interfaces.process_metrics import (
    committer_metrics,
    connection_metrics,
    quota_metrics,
    request_metrics,
)
from projections.progress import ModelStatus, status
from projections.reconciling.place import reconciled
from projections.registry import NAMES


def metrics(side: WriteSide, health: Health, times: RequestTimes) -> InstallationMetrics:
    """An API process's. A new source is one line more."""
    figures = installation_figures(side)
    runs = ScheduleRuns(side.pool, clock)

    async def ledger() -> Iterable[Metric]:
        return ledger_gauges(await ledger_figures(side.pool, side.ledger.published, clock))

    async def models() -> Iterable[Metric]:
        return model_gauges(await model_statuses(side), clock())

    async def reconciler() -> Iterable[Metric]:
        with store_errors():
            async with side.pool.connection() as connection:
                return reconciler_metrics(await reconciled(connection))

    async def store() -> Iterable[Metric]:
        return store_gauges(await figures.store(), clock())

    async def jobs() -> Iterable[Metric]:
        return job_gauges(await figures.jobs())

    async def schedules() -> Iterable[Metric]:
        return schedule_gauges(await runs.all(), clock())

    async def storage() -> Iterable[Metric]:
        return storage_gauges(await figures.tables(), free_bytes(side))

    async def subsystems() -> Iterable[Metric]:
        return health_gauges(await health.check())

    async def process() -> Iterable[Metric]:
        return [
            *request_metrics(times),
            *committer_metrics(side.committer),
            *connection_metrics(side.pool.get_stats()),
            *quota_metrics(side.quotas.refusals),
        ]

    return InstallationMetrics(
        {
            "ledger": ledger,
            "models": models,
            "reconciler": reconciler,
            "store": store,
            "jobs": jobs,
            "schedules": schedules,
            "storage": storage,
            "access": partial(_access, side),
            "health": subsystems,
            "process": process,
        }
    )


async def _access(side: WriteSide) -> Iterable[Metric]:
    found = access_waiting(side)
    return access_gauges(found.bytes, found.oldest_us, found.damaged, clock())


def installation_figures(side: WriteSide) -> InstallationFigures:
    """What measures the store, the jobs and the tables."""
    return InstallationFigures(side.pool, clock, (BULK_INGEST, IMPORT))


async def model_statuses(side: WriteSide) -> list[ModelStatus]:
    """How far each read model is. Raises Unavailable while the database is away."""
    with store_errors():
        async with side.pool.connection() as connection:
            return await status(connection, NAMES)


def free_bytes(side: WriteSide) -> int:
    """Room on the disk of the data directory. Raises OSError."""
    return shutil.disk_usage(side.settings.data_dir).free
