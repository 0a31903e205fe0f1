"""Section 2: an order's timeline and its summary."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from application.orders.views import EventView
from domain.access.permissions import Permission
from domain.access.scope import Reach
from domain.errors import Invalid, NotFound
from domain.times import format_short
from interfaces.http.answers import listing, resource
from interfaces.http.caller import ApiRequest
from interfaces.http.cursors import Walk
from interfaces.http.endpoint import (
    IF_NONE_MATCH,
    MIN_SEQUENCE,
    Reply,
    endpoint,
    problems,
)
from interfaces.http.events import TypePattern
from interfaces.http.params import (
    Window,
)
from interfaces.http.problems import ParameterError
from interfaces.http.reading import await_sequence
from interfaces.http.schemas import list_of

Order = Annotated[
    Literal["occurred", "sequence"],
    Meta(description="`occurred`: by (occurred_at, sequence); `sequence`: as recorded."),
]


class OrderEventsQuery(Window, frozen=True, kw_only=True):
    """A window of one order's history."""

    include: Annotated[
        Literal["maintenance"] | None,
        Meta(description="`maintenance`: system maintenance, too, which is left out otherwise."),
    ] = None


class TimelineQuery(OrderEventsQuery, frozen=True, kw_only=True):
    """The same, in one of two orders."""

    order: Order = "occurred"
    expand: Annotated[Literal["attachments"] | None, Meta(description="No event has any yet.")] = (
        None
    )


class ActorItem(Struct, frozen=True):
    """What one actor did to the order."""

    actor_id: str
    actor_type: str | None
    events: int
    first_at: str
    last_at: str


class TimelineAggregate(Struct, frozen=True):
    """The order's history in numbers; `event_count` and all else count maintenance, too."""

    order_id: str
    event_count: int
    maintenance_events: int
    by_type: dict[str, int]
    by_source: dict[str, int]
    first_occurred_at: str
    last_occurred_at: str
    actors: list[ActorItem]


@endpoint(
    "GET",
    "/orders/{order_id:str}/timeline",
    permission=Permission.ORDERS_READ,
    summary="An order's timeline",
    tag="Orders",
    query=TimelineQuery,
    headers=(MIN_SEQUENCE,),
    replies={200: Reply("A page of its events.", list_of(EventView)), **problems(404, 503)},
    reveals=True,
)
async def get_timeline(request: ApiRequest, query: TimelineQuery) -> ASGIApp:
    """What was recorded about the order, in the order in which it happened.

    System maintenance is left out unless `include=maintenance` asks for it: events whose
    `metadata.actor_type` is `system` or whose `metadata.maintenance` is true. Never left out are
    corrections, events of types that change the order's state, and what is tagged:
    `metadata.audit` is true. Lists, searches, states and counts are of all events."""
    return await _timeline(request, query, query.order, None)


@endpoint(
    "GET",
    "/orders/{order_id:str}/events/{type:str}",
    permission=Permission.ORDERS_READ,
    summary="An order's events of one type",
    tag="Orders",
    query=OrderEventsQuery,
    headers=(MIN_SEQUENCE,),
    replies={200: Reply("A page of its events.", list_of(EventView)), **problems(404, 503)},
    reveals=True,
)
async def get_events_of_type(request: ApiRequest, query: OrderEventsQuery) -> ASGIApp:
    """`order.payment.*` stands for one or more further segments. System maintenance is left out as
    from the timeline."""
    pattern = request.path_value("type")
    try:
        msgspec.convert(pattern, TypePattern)
    except msgspec.ValidationError:
        detail = "is no event type, such as order.shipped or order.payment.*"
        raise Invalid([ParameterError("/type", detail, place="path")]) from None
    return await _timeline(request, query, "occurred", pattern)


async def _timeline(
    request: ApiRequest,
    query: OrderEventsQuery,
    order: Literal["occurred", "sequence"],
    pattern: str | None,
) -> ASGIApp:
    services, caller = request.services, request.caller
    order_id = request.path_value("order_id")
    reach = caller.reach(Permission.ORDERS_READ)
    await await_sequence(request)
    walk = Walk(
        services.cursor_key, caller.tenant_id, f"timeline/{order}/{pattern}/{order_id}", query
    )
    keys = await services.orders.timeline(
        caller.tenant_id,
        order_id,
        from_us=query.from_,
        to_us=query.to,
        type_pattern=pattern,
        order=order,
        after=walk.after(query.cursor, tuple[int, int]),
        limit=query.limit + 1,
        reach=reach,
        maintenance=query.include == "maintenance",
    )
    if not keys and not await _is_there(request, order_id, reach):
        raise NotFound("there is no such order")
    page = keys[: query.limit]
    events = await services.viewer.page(
        caller,
        request.shown,
        [key.position for key in page],
        [key.sequence for key in page],
        order_id,
    )
    next_cursor = None
    if len(keys) > query.limit:
        next_cursor = walk.cursor((page[-1].occurred_us, page[-1].sequence))
    return listing(events, next_cursor)


async def _is_there(request: ApiRequest, order_id: str, reach: Reach) -> bool:
    """Whether the caller sees anything of an order, though nothing of what it asked for."""
    orders, tenant_id = request.services.orders, request.caller.tenant_id
    if reach.is_of_all_events:
        return await orders.order_exists(tenant_id, order_id)
    return bool(await orders.timeline(tenant_id, order_id, limit=1, reach=reach, maintenance=True))


@endpoint(
    "GET",
    "/orders/{order_id:str}/timeline/aggregate",
    permission=Permission.ORDERS_READ,
    summary="An order's history in numbers",
    tag="Orders",
    headers=(MIN_SEQUENCE, IF_NONE_MATCH),
    replies={
        200: Reply("Counts, times and actors.", TimelineAggregate, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 503),
    },
)
async def get_aggregate(request: ApiRequest) -> ASGIApp:
    """Events by type and source, the first and the last, and who did how much. All of them are
    counted; `maintenance_events` are those that the timeline leaves out."""
    order_id = request.path_value("order_id")
    await await_sequence(request)
    services, caller = request.services, request.caller
    await services.sight.require_order(caller, Permission.ORDERS_READ, order_id)
    found = await services.orders.aggregate(caller.tenant_id, order_id)
    if found is None:
        raise NotFound("there is no such order")
    answer = TimelineAggregate(
        order_id=found.order_id,
        event_count=found.event_count,
        maintenance_events=found.maintenance_events,
        by_type=found.by_type,
        by_source=found.by_source,
        first_occurred_at=format_short(found.first_us),
        last_occurred_at=format_short(found.last_us),
        actors=[
            ActorItem(
                actor.actor_id,
                actor.actor_type,
                actor.events,
                format_short(actor.first_us),
                format_short(actor.last_us),
            )
            for actor in found.actors
        ],
    )
    return resource(request, msgspec.json.encode(answer))


HANDLERS = (get_timeline, get_events_of_type, get_aggregate)
