"""Section 6: searching events and orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal, cast, get_args

import msgspec
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from application.search.deciding import Slices
from application.search.highlights import Highlighter
from application.search.ports import NEWEST_FIRST, Hit, Key, Order, OrderSort, Sort
from domain.access.permissions import Permission
from domain.errors import FieldError, Invalid
from domain.orders.envelope import refuse_unknown
from domain.search.query import Node
from interfaces.http.answers import READ_HEADERS, json_answer
from interfaces.http.asked import Body, as_declared, query_of, read_body, seen
from interfaces.http.caller import ApiRequest
from interfaces.http.cursors import Walk
from interfaces.http.endpoint import MIN_SEQUENCE, Content, Reply, endpoint, problems
from interfaces.http.orders import order_item
from interfaces.http.params import Cursor, Limit
from interfaces.http.schemas import Query

Direction = Literal["desc", "asc"]
Returned = Literal["events", "orders"]
AnySort = Literal[Sort, OrderSort]
SORTS: Mapping[Returned, tuple[str, ...]] = {
    "events": get_args(Sort),
    "orders": get_args(OrderSort),
}


class SortBy(Struct, frozen=True, forbid_unknown_fields=True):
    """Events by occurred_at, sequence, amount or relevance; orders by last_event_at, created_at,
    total_minor, or their newest or best match: occurred_at, relevance. The newest, highest or best
    first unless `asc`."""

    by: AnySort
    order: Direction = "desc"


class SearchKept(Struct, frozen=True, forbid_unknown_fields=True):
    """A question; docs/search.md describes `query`, and by what events and orders are sorted."""

    query: Query
    return_: Returned = msgspec.field(default="events", name="return")
    sort: Annotated[list[AnySort | SortBy], Meta(max_length=1)] | None = None
    limit: Limit = 50
    explain: bool = False


class SearchIn(SearchKept, frozen=True, forbid_unknown_fields=True):
    """A question, and where its answer goes on."""

    cursor: Cursor | None = None


class Explained(Struct, frozen=True):
    """indexes: those that the database would use. reads_events: the events that they find are read
    to decide which are meant."""

    indexes: list[str]
    reads_events: bool


class SearchOut(Struct, frozen=True, omit_defaults=True):
    """A page of events, as GET /events shows them, with `highlights`: where the question's words
    and identifiers stand, [{"pointer", "matches"}]. Or of orders, as GET /orders shows them."""

    items: list[dict[str, Any]]
    next_cursor: str | None
    explain: Explained | None = None


class Asking(Struct, frozen=True):
    """What a search asks for, as it was read."""

    node: Node
    returned: Returned
    order: Order
    limit: int
    explain: bool


_EXAMPLE: dict[str, Any] = {
    "query": {
        "all": [
            {"text": "payment failed"},
            {"field": "payload.amount_minor", "gte": 10000},
            {"field": "occurred_at", "gte": "2025-08-01T00:00:00Z"},
        ]
    },
    "return": "events",
    "sort": ["occurred_at"],
    "limit": 20,
}


@endpoint(
    "POST",
    "/search",
    permission=Permission.EVENTS_READ,
    summary="Search events and orders",
    tag="Search",
    headers=(MIN_SEQUENCE,),
    content=(Content(SearchIn, example=_EXAMPLE),),
    replies={200: Reply("A page of what is meant.", SearchOut), **problems(413, 415)},
    costly=True,
    reveals=True,
)
async def search(request: ApiRequest) -> ASGIApp:
    """Words, identifiers and conditions on fields, put together with all, any and not. An email
    address or a telephone number finds events for those who may see personal data. What takes
    longer than 2 s is 422, with what would narrow it."""
    body = await read_body(request, SearchIn.__struct_encode_fields__, "a search")
    asking = asking_of(request, body)
    cursor = body.read("cursor", as_declared(Cursor, "a next_cursor of this search"), None)
    body.done()
    bound = body.without("limit", "cursor", "explain")
    walk = Walk(request.services.cursor_key, request.caller.tenant_id, "search", bound)
    return await answer(request, asking, walk.after(cursor, Key), walk.cursor)


def asking_of(request: ApiRequest, body: Body) -> Asking:
    """What a body of a search asks for, but for its cursor. What is wrong is noted in the body."""
    body.require("query")
    returned: Returned = body.read("return", _returned, "events")
    return Asking(
        node=query_of(request, body),
        returned=returned,
        order=body.read("sort", partial(_sort, SORTS[returned]), NEWEST_FIRST),
        limit=body.read("limit", as_declared(Limit, "a whole number from 1 to 1000"), 50),
        explain=body.read("explain", as_declared(bool, "true or false"), False),
    )


async def answer(
    request: ApiRequest, asking: Asking, after: Key | None, cursor: Callable[[Key], str]
) -> ASGIApp:
    """The next page after a key; `cursor` makes one of the key that the page after it begins with.
    Raises Forbidden who asks for orders and may not read them."""
    caller, asked = request.caller, request.services.search
    node, order, limit = asking.node, asking.order, asking.limit
    if asking.returned == "orders":
        node = seen(caller, node, of_orders=True)
        found = await asked.orders(caller.tenant_id, node, after, limit, order)
        items = await _orders(request, found.hits)
    else:
        found = await asked.events(caller.tenant_id, node, order, after, limit)
        items = await _events(request, node, found.hits)
    parts = [
        b'"items":[%b]' % b",".join(items),
        b'"next_cursor":%b' % msgspec.json.encode(found.next and cursor(found.next)),
    ]
    if asking.explain:
        indexes, reads = await asked.explain(
            caller.tenant_id, node, order, orders=asking.returned == "orders", limit=limit
        )
        parts.append(b'"explain":%b' % msgspec.json.encode(Explained(indexes, reads)))
    return json_answer(b"{%b}" % b",".join(parts), headers=READ_HEADERS)


async def _events(request: ApiRequest, node: Node, hits: list[Hit]) -> list[bytes]:
    marker = Highlighter(node)
    positions, sequences = [hit.position for hit in hits], [hit.sequence for hit in hits]
    views = await request.services.viewer.page(request.caller, request.shown, positions, sequences)
    slices = Slices()
    items = []
    for view in views:
        items.append(marker.marked(view))
        await slices.cut()
    return items


async def _orders(request: ApiRequest, hits: list[Hit]) -> list[bytes]:
    ids = [hit.order_id for hit in hits if hit.order_id is not None]
    orders = await request.services.orders.by_ids(request.caller.tenant_id, ids)
    return [msgspec.json.encode(order_item(order)) for order in orders]


def _returned(value: Any, pointer: str) -> Returned:
    if value not in ("events", "orders"):
        raise Invalid.field(pointer, "must be events or orders")
    return cast(Returned, value)


def _sort(sorts: tuple[str, ...], value: Any, pointer: str) -> Order:
    allowed = ", ".join(sorts)
    if not isinstance(value, list) or len(value) > 1:
        raise Invalid.field(pointer, f"must be a list of one of {allowed}")
    if not value:
        return NEWEST_FIRST
    given, place = value[0], f"{pointer}/0"
    if not isinstance(given, dict):
        given = {"by": given}
    wrong: list[FieldError] = []
    refuse_unknown(given, ("by", "order"), "a sort", wrong, place)
    if given.get("by") not in sorts:
        wrong.append(FieldError(f"{place}/by", f"must be one of {allowed}"))
    direction = given.get("order", "desc")
    if direction not in get_args(Direction):
        wrong.append(FieldError(f"{place}/order", "must be desc or asc"))
    elif direction == "asc" and given.get("by") == "relevance":
        wrong.append(FieldError(f"{place}/order", "must be desc: the best first"))
    if wrong:
        raise Invalid(wrong)
    return Order(given["by"], direction == "desc")


HANDLERS = (search,)
