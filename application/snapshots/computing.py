"""Computing snapshots in the background: the request, and the handler of its jobs."""

from __future__ import annotations

from typing import Any

from application.erasure.ports import Turns
from application.jobs.asking import Jobs
from application.jobs.ports import Job, Submitted, new_job_id
from application.jobs.running import Finished, Run
from application.orders.as_of import Question
from application.ports import Clock
from application.snapshots.capture import CaptureSnapshot
from domain import canonical
from domain.access.caller import Caller
from domain.errors import FieldError, Invalid
from domain.orders.envelope import check_text, refuse_unknown
from domain.snapshots.incoming import check_snapshot_id
from domain.times import format_us, parse_us

SNAPSHOT_COMPUTE = "snapshot_compute"
_TIMES = ("at", "known_at")
_FIELDS = ("order_id", "snapshot_id", *_TIMES)


def read_compute(raw: bytes) -> dict[str, Any]:
    """The request of a job, from a body: what was asked for and no more, times in UTC, so that
    equal requests are equal. Raises Unreadable, or Invalid with all that is wrong."""
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
    times = {name: _time(value.get(name), f"/{name}", errors) for name in _TIMES}
    if errors:
        raise Invalid(errors)
    asked = {name: value[name] for name in _FIELDS if value.get(name) is not None}
    return {**asked, **{name: text for name, text in times.items() if text is not None}}


def _time(text: Any, pointer: str, errors: list[FieldError]) -> str | None:
    if text is None:
        return None
    try:
        return format_us(parse_us(text if type(text) is str else ""))
    except ValueError as error:
        errors.append(FieldError(pointer, str(error)))
        return None


def snapshot_id_of(job: Job) -> str:
    """The id of the snapshot that a job makes: the one asked for, or one that is as random as the
    job's own, and the same whenever the job is run again."""
    return str(job.request.get("snapshot_id") or f"snap_{job.job_id.removeprefix('job_')}")


def question_of(request: dict[str, Any]) -> Question:
    """Which state a request asks for."""
    at, known_at = (request.get(name) for name in _TIMES)
    return Question(
        None if at is None else parse_us(at), None if known_at is None else parse_us(known_at)
    )


class RequestSnapshot:
    """The command behind POST /snapshots/compute."""

    def __init__(self, jobs: Jobs, capture: CaptureSnapshot, clock: Clock) -> None:
        self._jobs = jobs
        self._capture = capture
        self._clock = clock

    async def __call__(
        self, caller: Caller, raw: bytes, idempotency_key: str | None = None
    ) -> Submitted:
        """Make the job. Raises as `read_compute`; Invalid for a key that came with another request;
        Conflict when the snapshot_id is taken by anything but the answer to this question."""
        asked = read_compute(raw)
        job = Job(
            tenant_id=caller.tenant_id,
            job_id=new_job_id(),
            kind=SNAPSHOT_COMPUTE,
            submitted_by=caller.subject,
            submitted_us=self._clock(),
            request=asked,
            idempotency_key=idempotency_key,
        )
        repeated = await self._jobs.repeated(job)
        if repeated is not None:
            return repeated
        if "snapshot_id" in asked:
            await self._capture.computed(
                caller.tenant_id, asked["order_id"], asked["snapshot_id"], question_of(asked)
            )
        return await self._jobs.submit(job)


class ComputeSnapshot:
    """Folds the order and keeps the state. Run twice, it keeps what the first run made. Nobody
    changes personal values meanwhile: what was erased since it was folded would come back."""

    def __init__(self, capture: CaptureSnapshot, turns: Turns) -> None:
        self._capture = capture
        self._turns = turns

    async def __call__(self, run: Run) -> Finished:
        job = run.job
        async with self._turns.taken(job.tenant_id):
            row = await self._capture.compute(
                job.tenant_id,
                job.submitted_by,
                job.request["order_id"],
                snapshot_id_of(job),
                question_of(job.request),
            )
        return Finished(
            {
                "snapshot_id": row.snapshot_id,
                "sequence": row.sequence,
                "size_bytes": row.size_bytes,
            }
        )
