"""Section 2: the list of orders."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from domain.access.permissions import Permission
from domain.times import format_short
from interfaces.http.answers import listing
from interfaces.http.caller import ApiRequest
from interfaces.http.cursors import Walk
from interfaces.http.endpoint import (
    MIN_SEQUENCE,
    Reply,
    endpoint,
    problems,
)
from interfaces.http.params import (
    Duration,
    Instant,
    Page,
    SafeInteger,
    Text,
    refuse_reversed,
)
from interfaces.http.reading import await_sequence
from interfaces.http.schemas import list_of
from projections.orders.filters import OrderFilters
from projections.orders.queries import OrderSummary


class OrdersQuery(Page, frozen=True, kw_only=True):
    """Filters of the list of orders; all of them together."""

    status: Text | None = None
    channel: Text | None = None
    currency: Text | None = None
    customer_id: Text | None = None
    sku: Text | None = None
    min_total_minor: SafeInteger | None = None
    max_total_minor: SafeInteger | None = None
    last_event_before: Instant | None = None
    last_event_after: Instant | None = None
    created_from: Instant | None = None
    created_to: Instant | None = None
    has_recent_changes: (
        Annotated[Duration, Meta(description="Changed within this duration.")] | None
    ) = None
    actor_id: Text | None = None
    on_hold: bool | None = None
    sort: Annotated[
        Literal["last_event_at", "created_at", "total_minor"],
        Meta(description="Newest or highest first; orders without a total last."),
    ] = "last_event_at"

    def __post_init__(self) -> None:
        refuse_reversed(self.created_from, self.created_to, "created_from", "created_to")
        refuse_reversed(
            self.last_event_after, self.last_event_before, "last_event_after", "last_event_before"
        )
        refuse_reversed(
            self.min_total_minor, self.max_total_minor, "min_total_minor", "max_total_minor"
        )


class OrderItem(Struct, frozen=True):
    """An order in the list. `created_at` is when its first recorded event occurred, and never
    changes; `first_event_at` may, when an earlier event arrives late."""

    order_id: str
    number: str | None
    status: str | None
    channel: str | None
    currency: str | None
    customer_id: str | None
    total_minor: int | None
    on_hold: bool
    skus: list[str]
    created_at: str
    first_event_at: str
    last_event_at: str
    last_sequence: int
    event_count: int


@endpoint(
    "GET",
    "/orders",
    permission=Permission.ORDERS_READ,
    summary="List orders",
    tag="Orders",
    query=OrdersQuery,
    headers=(MIN_SEQUENCE,),
    replies={200: Reply("A page of orders.", list_of(OrderItem)), **problems(503)},
)
async def list_orders(request: ApiRequest, query: OrdersQuery) -> ASGIApp:
    """As they are now, newest first."""
    services, caller = request.services, request.caller
    await await_sequence(request)
    walk = Walk(services.cursor_key, caller.tenant_id, "orders", query)
    found = await services.orders.list_orders(
        caller.tenant_id,
        _filters(query, services.clock()),
        sort=query.sort,
        after=walk.after(query.cursor, tuple[int | None, str]),
        limit=query.limit + 1,
        reach=caller.reach_of_orders(Permission.ORDERS_READ),
    )
    page = found[: query.limit]
    more = len(found) > query.limit
    items = [msgspec.json.encode(order_item(order)) for order in page]
    return listing(items, walk.cursor(page[-1].key(query.sort)) if more else None)


def _filters(query: OrdersQuery, now_us: int) -> OrderFilters:
    recent = query.has_recent_changes
    return OrderFilters(
        status=query.status,
        channel=query.channel,
        currency=query.currency,
        customer_id=query.customer_id,
        sku=query.sku,
        min_total_minor=query.min_total_minor,
        max_total_minor=query.max_total_minor,
        last_event_before=query.last_event_before,
        last_event_after=query.last_event_after,
        created_from=query.created_from,
        created_to=query.created_to,
        changed_since_us=None if recent is None else now_us - recent,
        actor_id=query.actor_id,
        on_hold=query.on_hold,
    )


def order_item(order: OrderSummary) -> OrderItem:
    """An order as lists show it."""
    return OrderItem(
        order_id=order.order_id,
        number=order.number,
        status=order.status,
        channel=order.channel,
        currency=order.currency,
        customer_id=order.customer_id,
        total_minor=order.total_minor,
        on_hold=order.on_hold,
        skus=order.skus,
        created_at=format_short(order.created_us),
        first_event_at=format_short(order.first_us),
        last_event_at=format_short(order.last_us),
        last_sequence=order.last_sequence,
        event_count=order.event_count,
    )


HANDLERS = (list_orders,)
