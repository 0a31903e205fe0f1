"""Many events in one body: received at once, recorded by a job."""

from __future__ import annotations

import re
from typing import Any

from litestar.types import ASGIApp

from application.jobs.asking import MAX_WAIT
from application.jobs.ports import Submitted, job_view
from domain.access.permissions import Permission
from domain.errors import Invalid
from interfaces.http.answers import REPLAYED, RawHeader, accepted, json_answer, location
from interfaces.http.bodies import NDJSON_TYPES, body_chunks, require_encoding, require_media_type
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import (
    IDEMPOTENCY_KEY,
    PREFER,
    Content,
    Header,
    Reply,
    endpoint,
    problems,
)
from interfaces.http.idempotency import idempotency_key, of_key
from interfaces.http.schemas import JobView

_BODY: dict[str, Any] = {
    "type": "string",
    "format": "binary",
    "description": "One event a line, as for POST /events. Blank lines do not count.",
}
_ENCODING = Header("Content-Encoding", "Of the body.", {"enum": ["gzip", "identity"]})
_ENCODINGS = frozenset({"gzip", "identity"})
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:[,;]|$)", re.IGNORECASE)


@endpoint(
    "POST",
    "/events/bulk",
    permission=Permission.EVENTS_APPEND,
    summary="Record many events",
    tag="Events",
    headers=(IDEMPOTENCY_KEY, PREFER, _ENCODING),
    content=(Content(_BODY, "application/x-ndjson"),),
    replies={
        202: Reply("Received; the job records it.", JobView,
                   headers=("Location", "Idempotency-Replayed")),
        200: Reply("The job is over.", JobView,
                   headers=("Location", "Preference-Applied", "Idempotency-Replayed")),
        **problems(413, 415, 503),
    },
)  # fmt: skip
async def record_events(request: ApiRequest) -> ASGIApp:
    """Lines are recorded in their order. A bad line never stops the rest: it is kept with its
    reason, at /jobs/{job_id}/rejected. The body has no size limit; a line has that of an event.

    An Idempotency-Key that came before with the same lines, however packed, answers the job of
    that time, with `Idempotency-Replayed: true`, and records nothing; with other lines 422."""
    services = request.services
    require_media_type(request, NDJSON_TYPES)
    encoding = require_encoding(request, _ENCODINGS)
    key = idempotency_key(request)
    wait = preferred_wait(request.header(b"prefer"))
    try:
        received = await services.bulk(
            request.caller, body_chunks(request), gzip=encoding == "gzip", idempotency_key=key
        )
    except Invalid as error:
        raise of_key(error) from None
    job = await services.jobs.wait(received.job, wait) if wait else received.job
    if not (wait and job.is_over):
        return accepted(Submitted(job, received.replayed))
    headers: tuple[RawHeader, ...] = (
        (b"location", location("jobs", job.job_id).encode("ascii")),
        (b"preference-applied", b"wait=%d" % wait),
    )
    return json_answer(
        job_view(job), headers=(*headers, REPLAYED) if received.replayed else headers
    )


def preferred_wait(prefer: str | None) -> int:
    """The seconds of `wait` in a Prefer header (RFC 7240), at most MAX_WAIT; 0 without one. What
    is not understood is ignored, as that RFC has it."""
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), MAX_WAIT) if found else 0


HANDLERS = (record_events,)
