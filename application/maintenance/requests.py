"""Asking for maintenance: what a request says, and the job that it becomes."""

from __future__ import annotations

from typing import Any

from application.jobs.asking import Jobs
from application.jobs.ports import Job, Submitted, new_job_id
from application.ports import Clock
from domain import canonical
from domain.access.caller import Caller
from domain.errors import FieldError, Invalid
from domain.orders.envelope import refuse_unknown

REINDEX, REPAIR, COMPACT = "reindex", "repair", "compact"
_ENDS = ("from_sequence", "to_sequence")
_DRY_RUN = "dry_run"
FIELDS = {REINDEX: _ENDS, REPAIR: (*_ENDS, _DRY_RUN), COMPACT: ()}
"""What a request of each kind may say. Nothing has to be said."""


def read_request(kind: str, raw: bytes) -> dict[str, Any]:
    """What a body asks for; an empty one asks for everything. Raises Unreadable, or Invalid with
    all that is wrong."""
    value = canonical.decode(raw) if raw else {}
    if type(value) is not dict:
        raise Invalid.field("", "must be a JSON object")
    errors: list[FieldError] = []
    refuse_unknown(value, FIELDS[kind], "this request", errors)
    ends: dict[str, int] = {}
    for name in _ENDS:
        end = value.get(name)
        if type(end) is int and end >= 1:
            ends[name] = end
        elif end is not None:
            errors.append(FieldError(f"/{name}", "must be a sequence: a whole number from 1 on"))
    if type(value.get(_DRY_RUN, False)) is not bool:
        errors.append(FieldError(f"/{_DRY_RUN}", "must be true or false"))
    if errors:
        raise Invalid(errors)
    if len(ends) == len(_ENDS) and ends[_ENDS[0]] > ends[_ENDS[1]]:
        raise Invalid.field("/to_sequence", "is before from_sequence")
    return {name: value[name] for name in FIELDS[kind] if value.get(name) is not None}


class RequestMaintenance:
    """The command behind POST /jobs/reindex, /jobs/repair and /jobs/compact."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    async def __call__(
        self, caller: Caller, kind: str, raw: bytes, idempotency_key: str | None = None
    ) -> Submitted:
        """Make the job. Raises as `read_request`; Invalid for a key that came with another
        request."""
        return await self._jobs.submit(
            Job(
                tenant_id=caller.tenant_id,
                job_id=new_job_id(),
                kind=kind,
                submitted_by=caller.subject,
                submitted_us=self._clock(),
                request=read_request(kind, raw),
                idempotency_key=idempotency_key,
            )
        )
