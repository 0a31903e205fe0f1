"""What looks after the read models: the jobs of maintenance, and the reconciler."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from application.jobs.running import Handler
from application.maintenance.compacting import Compact
from application.maintenance.ports import Range, Walk
from application.maintenance.reindexing import ReindexEvents
from application.maintenance.repairing import RepairReadModels
from application.maintenance.requests import COMPACT, REINDEX, REPAIR
from infrastructure.event_store.compacting import SnapshotsAtRest
from interfaces.composition.connections import blocking, clock, connecting
from interfaces.composition.models import indexing, models
from interfaces.composition.writing import WriteSide
from projections.reconciling.reconciler import Reconciler
from projections.reconciling.walk import walking
from projections.search.reindexing import ReindexBeside


def maintenance_handlers(side: WriteSide) -> dict[str, Handler]:
    """What does the jobs of maintenance."""
    settings = side.settings
    connect = connecting(settings, "maintenance")
    known = models(settings)

    def walks(asked: Range) -> AbstractAsyncContextManager[Walk]:
        return walking(connect, known, asked)

    return {
        REINDEX: ReindexEvents(ReindexBeside(connect, indexing(settings)), side.reader),
        REPAIR: RepairReadModels(walks, side.reader),
        COMPACT: Compact(SnapshotsAtRest(blocking(settings, "compaction"))),
    }


def reconciler(side: WriteSide) -> Reconciler:
    """A worker's."""
    settings = side.settings
    return Reconciler(
        connecting(settings, "reconciler"),
        models(settings),
        side.ledger.alarms,
        clock,
        rate=settings.reconcile_rate,
        audited=settings.ledger.audit_rate > 0,
    )
