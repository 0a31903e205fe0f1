"""Section 1: record an event, check one, get one back, its bytes, and the list."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.types import ASGIApp
from msgspec import Meta

from application.orders.record import Prepared, RecordedAnswer
from application.orders.validate import ValidationReport
from application.orders.views import EventView, public_id, sequence_of
from application.ports import StoredRow
from domain.access.permissions import Permission
from domain.errors import Invalid, NotFound
from interfaces.http.answers import (
    OCTETS,
    created,
    json_answer,
    listing,
    location,
    receipt_of,
    replayed,
    resource,
)
from interfaces.http.bodies import EVENT_LIMIT, SNAPSHOT_LIMIT, read_json_bytes
from interfaces.http.caller import ApiRequest
from interfaces.http.cursors import Walk
from interfaces.http.endpoint import (
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    MIN_SEQUENCE,
    Content,
    Reply,
    endpoint,
    problems,
)
from interfaces.http.idempotency import idempotency_key, of_key
from interfaces.http.params import Text, Window
from interfaces.http.reading import await_sequence
from interfaces.http.schemas import EVENT_EXAMPLE, STORED_EXAMPLE, EventIn, list_of

TypePattern = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?$",
        description="A type, or `order.payment.*` for one or more further segments.",
    ),
]


class EventsQuery(Window, frozen=True, kw_only=True):
    """The filters of the list and of the stream."""

    order_id: Text | None = None
    type: TypePattern | None = None
    source: Text | None = None
    actor_id: Text | None = None
    has_attachments: bool | None = None


@endpoint(
    "POST",
    "/events",
    permission=Permission.EVENTS_APPEND,
    summary="Record an event",
    tag="Events",
    headers=(IDEMPOTENCY_KEY,),
    content=(Content(EventIn, example=EVENT_EXAMPLE),),
    replies={
        201: Reply("Recorded, flushed to disk.", EventView, headers=("Location", "Link"),
                   example=STORED_EXAMPLE),
        200: Reply("Recorded before, with equal content.", EventView,
                   headers=("Location", "Link", "Idempotency-Replayed")),
        **problems(409, 413, 415, 503),
    },
    direct=True,
)  # fmt: skip
async def record_event(request: ApiRequest) -> ASGIApp:
    """The same event_id with equal content answers 200 and records nothing; with other content
    409, naming the pointers that differ. The `Link` names the event's receipt, which is there once
    the next checkpoint is."""
    services, caller = request.services, request.caller
    raw = await read_json_bytes(request, EVENT_LIMIT)
    prepared = services.preparer.prepare(caller.tenant_id, raw)
    answer = await record(request, prepared)
    where = location("events", public_id(answer.sequence))
    return (replayed if answer.replayed else created)(answer.body, where, receipt_of(where))


@endpoint(
    "POST",
    "/events/validate",
    permission=Permission.EVENTS_VALIDATE,
    summary="Check events without recording them",
    tag="Events",
    content=(Content({"anyOf": [{"type": "object"}, {"type": "array", "maxItems": 1000}]},
                     example=EVENT_EXAMPLE),),
    replies={
        200: Reply("What recording them would say.", ValidationReport),
        **problems(413, 415, 503),
    },
)  # fmt: skip
async def validate_events(request: ApiRequest) -> ASGIApp:
    """One event or a list of up to 1,000, of 4 MiB together; `results` are in their order, and an
    event that is too large is one that is not valid. `pii` are the pointers that would be kept as
    digests."""
    raw = await read_json_bytes(request, SNAPSHOT_LIMIT)
    report = await request.services.validate(request.caller.tenant_id, raw)
    return json_answer(msgspec.json.encode(report))


@endpoint(
    "GET",
    "/events",
    permission=Permission.EVENTS_READ,
    summary="List events, by sequence",
    tag="Events",
    query=EventsQuery,
    headers=(MIN_SEQUENCE,),
    replies={200: Reply("A page of events.", list_of(EventView)), **problems(503)},
    reveals=True,
)
async def list_events(request: ApiRequest, query: EventsQuery) -> ASGIApp:
    """What producers sent. The service's own `history.*` events are listed when asked for by
    type: those of snapshots to all, the others, which tell what was done to the service, to who may
    read the audit log. No event has attachments yet, so `has_attachments=true` lists none."""
    services, caller = request.services, request.caller
    await await_sequence(request)
    walk = Walk(services.cursor_key, caller.tenant_id, "events", query)
    after = walk.after(query.cursor, int)
    if query.has_attachments:
        return listing([], None)
    keys = await services.orders.events(
        caller.tenant_id,
        order_id=query.order_id,
        type=query.type,
        source=query.source,
        from_us=query.from_,
        to_us=query.to,
        actor_id=query.actor_id,
        after_sequence=after or 0,
        limit=query.limit + 1,
        history=query.type is not None and query.type.startswith("history."),
        acts=caller.may(Permission.AUDIT_READ),
        reach=caller.reach(Permission.EVENTS_READ),
    )
    page = keys[: query.limit]
    events = await services.viewer.page(
        caller, request.shown, [key.position for key in page], [key.sequence for key in page]
    )
    more = len(keys) > query.limit
    return listing(events, walk.cursor(page[-1].sequence) if more else None)


@endpoint(
    "GET",
    "/events/{event_id:str}",
    permission=Permission.EVENTS_READ,
    summary="One event",
    tag="Events",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("The stored event.", EventView, headers=("ETag",), example=STORED_EXAMPLE),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 405, 503),
    },
    reveals=True,
)
async def get_event(request: ApiRequest) -> ASGIApp:
    """By the producer's event_id, or by the id this service gave (`oh_evt_...`)."""
    row = await find_event(request)
    (body,) = await request.services.viewer.events(request.caller, request.shown, [row])
    return resource(request, body)


@endpoint(
    "GET",
    "/events/{event_id:str}/bytes",
    permission=Permission.EVENTS_READ,
    summary="The hashed bytes of an event",
    tag="Events",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("The bytes whose SHA-256 is `integrity.sha256`.",
                   {"type": "string", "format": "binary"}, OCTETS,
                   headers=("ETag",)),
        304: Reply("The caller has them already.", headers=("ETag",)),
        **problems(404, 503),
    },
)  # fmt: skip
async def get_event_bytes(request: ApiRequest) -> ASGIApp:
    """Exactly as stored: RFC 8785 JSON, personal values as salted digests."""
    return resource(request, (await find_event(request)).state, media_type=OCTETS)


@endpoint(
    "GET",
    "/events/{event_id:str}/corrections",
    permission=Permission.EVENTS_READ,
    summary="The corrections of an event",
    tag="Corrections",
    replies={200: Reply("By sequence.", list_of(EventView)), **problems(404, 503)},
    reveals=True,
)
async def list_corrections_of(request: ApiRequest) -> ASGIApp:
    """Every correction that refers to this event, remarks included."""
    services = request.services
    row = await find_event(request)
    event_id = msgspec.json.decode(row.state)["event_id"]
    found = await services.reader.corrections_of(request.caller.tenant_id, event_id)
    rows = await services.sight.within(request.caller, Permission.EVENTS_READ, found)
    return listing(await services.viewer.events(request.caller, request.shown, rows), None)


async def find_event(
    request: ApiRequest,
    name: str = "event_id",
    permission: Permission = Permission.EVENTS_READ,
) -> StoredRow:
    """The event of the path, by either id. Raises NotFound, too for one that this permission of the
    caller does not reach."""
    event_id = request.path_value(name)
    reader, tenant_id = request.services.reader, request.caller.tenant_id
    channel = request.caller.reach(permission).knows_channels
    sequence = sequence_of(event_id)
    if sequence is None:
        row = await reader.by_id(tenant_id, event_id, channel=channel)
    else:
        row = await reader.by_sequence(tenant_id, sequence, channel=channel)
    if row is None:
        raise NotFound("there is no such event")
    await request.services.sight.require(request.caller, permission, row)
    return row


async def record(
    request: ApiRequest, prepared: Prepared, permission: Permission = Permission.EVENTS_APPEND
) -> RecordedAnswer:
    """Record under the Idempotency-Key of the request. Raises as `RecordEvent`."""
    key = idempotency_key(request)
    try:
        return await request.services.record(request.caller, prepared, key, permission)
    except Invalid as error:
        raise of_key(error) from None


HANDLERS = (
    record_event,
    validate_events,
    list_events,
    get_event,
    get_event_bytes,
    list_corrections_of,
)
