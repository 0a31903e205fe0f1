"""The handler of snapshot_compute jobs."""

from __future__ import annotations

from application.jobs.running import Finished, Run
from application.snapshots.capture import CaptureSnapshot, question_of

SNAPSHOT_COMPUTE = "snapshot_compute"


class ComputeSnapshot:
    """Folds the order and keeps the state. Run twice, it finds the snapshot that it made."""

    def __init__(self, capture: CaptureSnapshot) -> None:
        self._capture = capture

    async def __call__(self, run: Run) -> Finished:
        request = run.job.request
        kept = await self._capture.compute(
            run.job.tenant_id,
            run.job.submitted_by,
            request["order_id"],
            request["snapshot_id"],
            question_of(request.get("at"), request.get("known_at")),
        )
        return Finished(
            {"snapshot_id": kept.row.snapshot_id, "sequence": kept.row.sequence,
             "size_bytes": kept.row.size_bytes}
        )
