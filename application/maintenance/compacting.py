"""The handler of compaction: snapshots of orders that nobody has touched for a month.

The counts by hour stay as they are: questions by hour, by day and in any time zone are answered of
them, and merged into months they would no longer be exact (ADR 0026). Nothing of the ledger goes.
"""

from __future__ import annotations

from typing import Any

from application.jobs.running import Finished, Run
from application.maintenance.ports import Compaction
from domain.times import SECOND

UNTOUCHED_DAYS = 30
_UNTOUCHED_US = UNTOUCHED_DAYS * 24 * 3600 * SECOND
ROLLUPS = "hours are not merged into months: questions by hour or day would no longer be exact"


class Compact:
    """Run again, it passes over what has its snapshot already."""

    def __init__(self, compaction: Compaction) -> None:
        self._compaction = compaction

    async def __call__(self, run: Run) -> Finished:
        tenant_id = run.job.tenant_id
        # Of the request's moment, so that a job that is run again does the same.
        before_us = run.job.submitted_us - _UNTOUCHED_US
        total = await self._compaction.orders(tenant_id, before_us)
        orders, snapshots = 0, int(run.job.result.get("snapshots", 0))
        place: tuple[int, str] | None = None
        more = True
        while more:
            await run.progress(orders, max(total, orders), _result(orders, snapshots))
            step = await self._compaction.step(tenant_id, before_us, place)
            orders, snapshots = orders + step.orders, snapshots + step.snapshots
            place, more = step.place, step.place is not None
        await run.progress(orders, orders)
        return Finished(_result(orders, snapshots))


def _result(orders: int, snapshots: int) -> dict[str, Any]:
    return {"orders": orders, "snapshots": snapshots, "rollups": ROLLUPS}
