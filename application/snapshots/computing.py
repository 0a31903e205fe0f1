"""Computing snapshots in the background: the request, and the handler of its jobs."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from application.jobs.running import Finished, Run
from application.orders.as_of import Question
from application.snapshots.capture import CaptureSnapshot
from domain import canonical
from domain.errors import FieldError, Invalid
from domain.orders.envelope import check_text, refuse_unknown
from domain.snapshots.incoming import check_snapshot_id
from domain.times import parse_us

SNAPSHOT_COMPUTE = "snapshot_compute"
_FIELDS = ("order_id", "snapshot_id", "at", "known_at")


def read_compute(raw: bytes) -> dict[str, Any]:
    """The request of a job, from a body. Raises Unreadable, or Invalid with all that is wrong."""
    value = canonical.decode(raw)
    if type(value) is not dict:
        raise Invalid.field("", "must be a JSON object")
    errors: list[FieldError] = []
    refuse_unknown(value, _FIELDS, "this request", errors)
    if value.get("order_id") is None:
        errors.append(FieldError("/order_id", "is required"))
    else:
        check_text("order_id", value["order_id"], 200, errors)
    check_snapshot_id(value.get("snapshot_id"), errors)
    for name in ("at", "known_at"):
        _check_time(value.get(name), f"/{name}", errors)
    if errors:
        raise Invalid(errors)
    asked = {name: value[name] for name in _FIELDS if value.get(name) is not None}
    return {"snapshot_id": f"snap_{uuid4().hex}", **asked}


def _check_time(text: Any, pointer: str, errors: list[FieldError]) -> None:
    try:
        if text is not None:
            parse_us(text if type(text) is str else "")
    except ValueError as error:
        errors.append(FieldError(pointer, str(error)))


class ComputeSnapshot:
    """Folds the order and keeps the state. Run twice, it keeps what the first run made."""

    def __init__(self, capture: CaptureSnapshot) -> None:
        self._capture = capture

    async def __call__(self, run: Run) -> Finished:
        asked = run.job.request
        at, known_at = asked.get("at"), asked.get("known_at")
        row = await self._capture.compute(
            run.job.tenant_id,
            run.job.submitted_by,
            asked["order_id"],
            asked["snapshot_id"],
            Question(
                None if at is None else parse_us(at),
                None if known_at is None else parse_us(known_at),
            ),
        )
        return Finished(
            {
                "snapshot_id": row.snapshot_id,
                "sequence": row.sequence,
                "size_bytes": row.size_bytes,
            }
        )
