"""Where the figures of an installation come from."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Metric

from infrastructure.ledger.figures import ledger_figures
from infrastructure.postgres.connect import store_errors
from interfaces.composition.connections import clock
from interfaces.composition.writing import WriteSide
from interfaces.metrics import InstallationMetrics, ledger_gauges, model_gauges
from projections.progress import ModelStatus, status
from projections.registry import NAMES


def metrics(side: WriteSide) -> InstallationMetrics:
    """An API process's. A new source is one line more."""

    async def ledger() -> Iterable[Metric]:
        return ledger_gauges(await ledger_figures(side.pool, side.ledger.published, clock))

    async def models() -> Iterable[Metric]:
        return model_gauges(await model_statuses(side))

    return InstallationMetrics({"ledger": ledger, "models": models})


async def model_statuses(side: WriteSide) -> list[ModelStatus]:
    """How far each read model is. Raises Unavailable while the database is away."""
    with store_errors():
        async with side.pool.connection() as connection:
            return await status(connection, NAMES)
