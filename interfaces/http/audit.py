"""Section 13: what administrators and the service itself have done."""

from __future__ import annotations

from typing import Annotated

from litestar.types import ASGIApp
from msgspec import Meta

from application.audit.views import ActView, act_view
from domain.access.permissions import Permission
from interfaces.http.answers import listing
from interfaces.http.caller import ApiRequest
from interfaces.http.cursors import Walk
from interfaces.http.endpoint import MIN_SEQUENCE, Reply, endpoint, problems
from interfaces.http.events import TypePattern
from interfaces.http.params import Text, Window
from interfaces.http.reading import await_sequence
from interfaces.http.schemas import list_of

Target = Annotated[
    str,
    Meta(min_length=1, max_length=400, description="What it is about, such as `role/refund_desk`."),
]


class AuditQuery(Window, frozen=True, kw_only=True):
    """Acts, all filters together. `from` and `to` are of when they were recorded."""

    type: TypePattern | None = None
    target: Target | None = None
    actor_id: Text | None = None


@endpoint(
    "GET",
    "/audit",
    permission=Permission.AUDIT_READ,
    summary="What was done to the service, and by whom",
    tag="Access",
    query=AuditQuery,
    headers=(MIN_SEQUENCE,),
    replies={200: Reply("The newest first.", list_of(ActView)), **problems(503)},
    reveals=True,
)
async def list_acts(request: ApiRequest, query: AuditQuery) -> ASGIApp:
    """Every administrative act is an event of the tenant's own ledger, provable as any other: its
    `id` is what `/events/{eventId}` and its receipt take. Addresses and free text are shown to who
    may see personal data."""
    services, caller = request.services, request.caller
    await await_sequence(request)
    walk = Walk(services.cursor_key, caller.tenant_id, "audit", query)
    keys = await services.audit.acts(
        caller.tenant_id,
        type_pattern=query.type,
        target=query.target,
        actor_id=query.actor_id,
        from_us=query.from_,
        to_us=query.to,
        before=walk.after(query.cursor, int),
        limit=query.limit + 1,
    )
    page = keys[: query.limit]
    rows = await services.reader.bodies(caller.tenant_id, [key.position for key in page])
    sequences = [key.sequence for key in page]
    show = await services.viewer.acts(caller, request.shown, sequences)
    items = [act_view(row, key.target, show) for row, key in zip(rows, page, strict=True)]
    more = len(keys) > query.limit
    return listing(items, walk.cursor(page[-1].sequence) if more else None)


HANDLERS = (list_acts,)
