"""What to look at when something seems amiss in the intake of a tenant."""

from __future__ import annotations

import msgspec
from litestar.types import ASGIApp

from application.watching.diagnostics import Diagnosis
from domain.access.permissions import Permission
from interfaces.http.answers import json_answer
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import Reply, endpoint, problems


@endpoint(
    "GET",
    "/diagnostics",
    permission=Permission.HEALTH_READ,
    summary="What waits, what failed, and where each source is",
    tag="Operations",
    replies={200: Reply("As of now.", Diagnosis), **problems(503)},
)
async def get_diagnostics(request: ApiRequest) -> ASGIApp:
    """Depths of queues; the last 20 lines of bulk jobs and imports that were not recorded, with
    their reasons and without what they said; and of each source its newest event, the first gaps in
    the numbers that it gives its events as `metadata.source_sequence` (whole numbers, in whatever
    order they arrive), and whether it has gone quiet: silent for over ten times its usual interval,
    the mean between the last 60 minutes in which something came of it, once there are ten."""
    diagnosis = await request.services.diagnose(request.caller.tenant_id)
    return json_answer(
        msgspec.json.encode(diagnosis), headers=((b"cache-control", b"private, no-store"),)
    )


HANDLERS = (get_diagnostics,)
