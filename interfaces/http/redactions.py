"""Where sources send card numbers, which are replaced before anything is written."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from domain.access.permissions import Permission
from domain.times import format_us
from interfaces.http.answers import listing
from interfaces.http.caller import ApiRequest
from interfaces.http.cursors import Walk
from interfaces.http.endpoint import Reply, endpoint, problems
from interfaces.http.params import Instant, Page, Text, refuse_reversed
from interfaces.http.schemas import list_of
from projections.redactions.queries import Redactions

_From = Annotated[Instant, Meta(description="Only where one was received at this time or later.")]
_To = Annotated[Instant, Meta(description="Only where one was received before this time.")]


class RedactionsQuery(Page, frozen=True, kw_only=True):
    """Filters of the list, all of them together. They choose places; what is told of a place is of
    all its events."""

    source: Text | None = None
    from_: _From | None = msgspec.field(default=None, name="from")
    to: _To | None = None

    def __post_init__(self) -> None:
        refuse_reversed(self.from_, self.to, "from", "to")


class RedactionItem(Struct, frozen=True):
    """A place in a source's events of one type: `pointer` has `*` for each index, and ends in `…`
    where it is longer than 200 characters. `first_at` and `last_at` are received_at."""

    source: str
    type: str
    pointer: str
    events: int
    first_at: str
    last_at: str
    last_event_id: str


@endpoint(
    "GET",
    "/redactions",
    permission=Permission.AUDIT_READ,
    summary="Which sources send card numbers",
    tag="Operations",
    query=RedactionsQuery,
    replies={200: Reply("A page of places.", list_of(RedactionItem)), **problems(503)},
)
async def list_redactions(request: ApiRequest, query: RedactionsQuery) -> ASGIApp:
    """Where card numbers were replaced in recorded events (their `redactions`) and in uploaded
    snapshots, by source, type and place, never what they were. It follows what is recorded within a
    moment. Lines of bulk bodies that were rejected are not counted."""
    services, caller = request.services, request.caller
    walk = Walk(services.cursor_key, caller.tenant_id, "redactions", query)
    found = await services.redactions.page(
        caller.tenant_id,
        source=query.source,
        from_us=query.from_,
        to_us=query.to,
        after=walk.after(query.cursor, tuple[str, str, str]),
        limit=query.limit + 1,
    )
    page = found[: query.limit]
    next_cursor = None
    if len(found) > query.limit:
        next_cursor = walk.cursor((page[-1].source, page[-1].type, page[-1].pointer))
    return listing([msgspec.json.encode(_item(one)) for one in page], next_cursor)


def _item(one: Redactions) -> RedactionItem:
    return RedactionItem(
        one.source,
        one.type,
        one.pointer,
        one.events,
        format_us(one.first_us),
        format_us(one.last_us),
        one.last_event_id,
    )


HANDLERS = (list_redactions,)
