"""Section 5: corrections are appended and refer to their original."""

from __future__ import annotations

from typing import Any

from litestar.types import ASGIApp
from msgspec import structs

from application.orders.views import EventView, public_id
from domain import canonical
from domain.access.permissions import Permission
from domain.errors import Invalid, NotFound
from domain.orders.events import decode_body
from interfaces.http.answers import created, location, replayed, resource
from interfaces.http.bodies import EVENT_LIMIT, read_json_bytes
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import (
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    Content,
    Reply,
    endpoint,
    problems,
)
from interfaces.http.events import find_event, record
from interfaces.http.schemas import CorrectionIn

_EXAMPLE: dict[str, Any] = {
    "event_id": "evt_c01",
    "correction_of": "evt_0001",
    "order_id": "ord_123",
    "payload": {"correction": "The amount was typed wrong.", "patch": {"amount_minor": 5149}},
    "occurred_at": "2025-08-30T09:00:00Z",
}


@endpoint(
    "POST",
    "/corrections",
    permission=Permission.EVENTS_CORRECT,
    summary="Append a correction",
    tag="Corrections",
    headers=(IDEMPOTENCY_KEY,),
    content=(Content(CorrectionIn, example=_EXAMPLE),),
    replies={
        201: Reply("Recorded, flushed to disk.", EventView, headers=("Location",)),
        200: Reply("Recorded before, with equal content.", EventView,
                   headers=("Location", "Idempotency-Replayed")),
        **problems(409, 413, 415, 503),
    },
)  # fmt: skip
async def record_correction(request: ApiRequest) -> ASGIApp:
    """`patch` is a merge patch (RFC 7396) on the original's payload; `void: true` takes its effect
    away; with neither it is a remark. Of several corrections the latest counts, alone."""
    services, caller = request.services, request.caller
    value = canonical.decode(await read_json_bytes(request, EVENT_LIMIT))
    if type(value) is not dict:
        raise Invalid.field("", "must be a JSON object: one correction")
    if value.get("correction_of") is None:
        raise Invalid.field("/correction_of", "is required: the event_id of the original")
    if value.get("type") not in (None, "order.correction"):
        raise Invalid.field("/type", "must be order.correction here, or left out")
    given = {name: field for name, field in value.items() if field is not None}
    defaults = {"type": "order.correction", "schema_version": "v1", "source": caller.subject}
    prepared = services.preparer.prepare_value(caller.tenant_id, {**defaults, **given})
    draft = structs.replace(prepared.draft, target_required=True)
    prepared = structs.replace(prepared, draft=draft)
    answer = await record(request, prepared, Permission.EVENTS_CORRECT)
    where = location("corrections", public_id(answer.sequence))
    return (replayed if answer.replayed else created)(answer.body, where)


@endpoint(
    "GET",
    "/corrections/{correction_id:str}",
    permission=Permission.EVENTS_READ,
    summary="One correction",
    tag="Corrections",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("The stored correction.", EventView, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 503),
    },
    reveals=True,
)
async def get_correction(request: ApiRequest) -> ASGIApp:
    """By the producer's event_id, or by the id this service gave. 404 for what corrects nothing."""
    row = await find_event(request, "correction_id")
    if decode_body(row.state).correction_of is None:
        raise NotFound("there is no such correction")
    (body,) = await request.services.viewer.events(request.caller, request.shown, [row])
    return resource(request, body)


HANDLERS = (record_correction, get_correction)
