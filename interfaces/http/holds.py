"""Section 9: legal holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from application.holds.managing import HoldFilters
from application.orders.views import Show
from domain import canonical
from domain.access.permissions import Permission
from domain.holds.holds import Hold, Kind, Status
from domain.holds.reading import MAX_REASON
from domain.times import format_known, format_short
from interfaces.http.answers import (
    READ_HEADERS,
    created,
    json_answer,
    location,
    no_content,
    resource,
)
from interfaces.http.bodies import EVENT_LIMIT, read_json_bytes
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import IF_NONE_MATCH, Content, Reply, endpoint, problems
from interfaces.http.params import Numbered, Text, numbered
from interfaces.http.schemas import Query

_TIME = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class HoldIn(Struct, frozen=True, omit_defaults=True):
    """What is held: of the targets `order` and `subject` (a customer, or an actor) the
    `target_id`, of `query` the `query`, as POST /search takes it. `expires_at` null: until it is
    released."""

    target: Kind
    case_id: Text
    target_id: Text | None = None
    query: Query | None = None
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON)] | None = None
    expires_at: _TIME | None = None


class HoldView(Struct, frozen=True):
    """A legal hold. `status` as of now. `reason` is shown to who may see personal data; `sequence`
    is that of the event that placed it."""

    hold_id: str
    target: Kind
    target_id: str | None
    query: Query | None
    case_id: str
    reason: Any
    expires_at: str | None
    status: Status
    sequence: int
    placed_by: str | None
    placed_at: str
    released_by: str | None
    released_at: str | None


class HoldPage(Struct, frozen=True):
    """A page; `total` counts the items of all pages."""

    items: list[HoldView]
    total: int


class HoldsQuery(Numbered, frozen=True, kw_only=True):
    """Holds, all filters together."""

    target: Kind | None = None
    target_id: Text | None = None
    case_id: Text | None = None
    status: Status | None = None


_EXAMPLE: dict[str, Any] = {
    "target": "order",
    "target_id": "ord_123",
    "case_id": "case_1",
    "reason": "Litigation over the delivery of 2025-08-29",
    "expires_at": None,
}


@endpoint(
    "POST",
    "/legal-hold",
    permission=Permission.HOLDS_MANAGE,
    summary="Place a legal hold",
    tag="Privacy",
    content=(Content(HoldIn, example=_EXAMPLE),),
    replies={
        201: Reply("Placed; it is on the ledger, and in force.", HoldView, headers=("Location",)),
        **problems(413, 415),
    },
    costly=True,
    reveals=True,
)
async def place_hold(request: ApiRequest) -> ASGIApp:
    """Nothing of what is held is deleted or redacted from this answer on. An order may be held
    before its first event. A query and a subject hold whatever orders match when a deletion is
    asked for, however new; the query stands in plain text, so an email address, a telephone number
    or a card number in it is 422. Several holds may be of the same: each is released by itself. A
    tenant has 1,000 active ones."""
    raw = await read_json_bytes(request, EVENT_LIMIT)
    hold = await request.services.holds.place(request.caller, request.doer, canonical.decode(raw))
    return created(await _encoded(request, hold), location("legal-hold", hold.hold_id))


@endpoint(
    "GET",
    "/legal-hold",
    permission=Permission.HOLDS_READ,
    summary="List legal holds",
    tag="Privacy",
    query=HoldsQuery,
    replies={200: Reply("The newest first, ended ones too.", HoldPage), **problems(503)},
    reveals=True,
)
async def list_holds(request: ApiRequest, query: HoldsQuery) -> ASGIApp:
    """Those of cases. `on_hold` of an order is another thing: a shop's own hold, told by its
    events, which forbids no deletion."""
    wanted = HoldFilters(query.target, query.target_id, query.case_id, query.status)
    found = await request.services.holds.listed(request.caller.tenant_id, wanted)
    page = numbered(found, query)
    show, now_us = await _show(request, page), request.services.clock()
    body = msgspec.json.encode(HoldPage([_view(hold, now_us) for hold in page], len(found)))
    return json_answer(show(body), headers=READ_HEADERS)


@endpoint(
    "GET",
    "/legal-hold/{hold_id:str}",
    permission=Permission.HOLDS_READ,
    summary="One legal hold",
    tag="Privacy",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("The hold.", HoldView, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 503),
    },
    reveals=True,
)
async def get_hold(request: ApiRequest) -> ASGIApp:
    """Whether it holds, and who placed and released it."""
    hold_id = request.path_value("hold_id")
    hold = await request.services.holds.get(request.caller.tenant_id, hold_id)
    return resource(request, await _encoded(request, hold))


@endpoint(
    "DELETE",
    "/legal-hold/{hold_id:str}",
    permission=Permission.HOLDS_MANAGE,
    summary="Release a legal hold",
    tag="Privacy",
    replies={204: Reply("It holds no more; that it was there stays."), **problems(404, 503)},
)
async def release_hold(request: ApiRequest) -> ASGIApp:
    """Nothing is deleted by this; what waited for it goes on. One that has ended stays as it is."""
    await request.services.holds.release(
        request.caller, request.doer, request.path_value("hold_id")
    )
    return no_content()


async def _encoded(request: ApiRequest, hold: Hold) -> bytes:
    """The hold as this caller sees it."""
    show = await _show(request, [hold])
    return show(msgspec.json.encode(_view(hold, request.services.clock())))


async def _show(request: ApiRequest, holds: Sequence[Hold]) -> Show:
    sequences = [hold.sequence for hold in holds]
    return await request.services.viewer.acts(request.caller, request.shown, sequences)


def _view(hold: Hold, now_us: int) -> HoldView:
    target = hold.target
    return HoldView(
        hold_id=hold.hold_id,
        target=target.kind,
        target_id=target.target_id,
        query=None if target.query is None else msgspec.json.decode(target.query),
        case_id=hold.case_id,
        reason=hold.reason,
        expires_at=format_known(hold.expires_us),
        status=hold.status(now_us),
        sequence=hold.sequence,
        placed_by=hold.placed_by,
        placed_at=format_short(hold.placed_us),
        released_by=hold.released_by,
        released_at=format_known(hold.released_us),
    )


HANDLERS = (place_hold, list_holds, get_hold, release_hold)
