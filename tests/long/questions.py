"""Every documented filter of the lists, every operator and class of fields of searches, and every
source of aggregations, asked of events as bench/generator.py draws them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from msgspec import Struct

from application.search.aggregating import Aggregate
from application.search.ports import Asked, Order, Sort
from application.search.searching import Search
from bench.generator import BEGAN_US, SPAN_S
from domain.search.aggregation import CURRENCY, Group, Measure
from domain.search.fields import field_named
from domain.search.reading import read_query
from domain.times import SECOND, format_us
from projections.orders.filters import OrderFilters
from projections.orders.queries import OrderQueries
from projections.orders.statements import Sort as ListSort

Json = Any
Values = dict[str, Any]
_DAY_US = 86_400 * SECOND
_LOW = BEGAN_US + SPAN_S * SECOND // 2 // _DAY_US * _DAY_US
_HIGH = _LOW + 7 * _DAY_US
_PAGE = 50
SORTS: tuple[Sort, ...] = get_args(Sort)


class Asking(Struct, frozen=True):
    """The use cases over one database."""

    search: Search
    aggregate: Aggregate
    orders: OrderQueries


ORDER_FILTERS: dict[str, dict[str, Values]] = {
    "status": {"common": {"status": "delivered"}, "rare": {"status": "pending"}},
    "channel": {"common": {"channel": "web"}, "rare": {"channel": "nowhere"}},
    "currency": {"common": {"currency": "EUR"}, "rare": {"currency": "GBP"}},
    "customer_id": {
        "common": {"customer_id": "cust_000001"},
        "rare": {"customer_id": "cust_nobody"},
    },
    "sku": {"common": {"sku": "SKU-00001"}, "rare": {"sku": "SKU-17777"}},
    "total": {
        "common": {"min_total_minor": 4_000, "max_total_minor": 6_000},
        "rare": {"min_total_minor": 10_000_000, "max_total_minor": 20_000_000},
    },
    "min_total_minor": {"common": {"min_total_minor": 1_000}, "rare": {"min_total_minor": 10**7}},
    "max_total_minor": {"common": {"max_total_minor": 9_000}, "rare": {"max_total_minor": 10}},
    "last_event": {
        "common": {"last_event_after": _LOW, "last_event_before": _LOW + 90 * _DAY_US},
        "rare": {"last_event_after": _LOW, "last_event_before": _LOW + _DAY_US},
    },
    "created": {
        "common": {"created_from": _LOW, "created_to": _LOW + 90 * _DAY_US},
        "rare": {"created_from": _LOW, "created_to": _LOW + _DAY_US},
    },
    "has_recent_changes": {
        "common": {"changed_since_us": _LOW},
        "rare": {"changed_since_us": BEGAN_US + (SPAN_S - 3_600) * SECOND},
    },
    "actor_id": {"common": {"actor_id": "picker_123"}, "rare": {"actor_id": "agent_007"}},
    "last_event_before": {
        "common": {"last_event_before": _LOW},
        "rare": {"last_event_before": BEGAN_US + _DAY_US},
    },
    "created_to": {
        "common": {"created_to": _LOW},
        "rare": {"created_to": BEGAN_US + _DAY_US},
    },
    "on_hold": {"common": {"on_hold": False}, "rare": {"on_hold": True}},
}
"""Each alone, with a value that many have and one that few or none have."""
ORDER_PAIRS = (
    *("status channel", "status currency", "status created", "status total", "status last_event"),
    *("channel currency", "channel created", "currency total", "customer_id status", "sku status"),
    *("actor_id status", "actor_id created", "status customer_id created"),
)
ORDERS_KNOWN: dict[tuple[str, ListSort], str] = {
    ("created_to", "last_event_at"): "walks past all orders that changed since, created later",
}
"""Of lists of orders, why some are expected to read too much."""
ORDER_SORTS: tuple[ListSort, ...] = get_args(ListSort)

_WINDOW = {"from_us": _LOW, "to_us": _HIGH}
EVENT_FILTERS: dict[str, dict[str, Values]] = {
    "type": {"common": {"type": "order.shipment.in_transit"}, "rare": {"type": "order.nothing"}},
    "types": {"common": {"type": "order.payment.*"}, "rare": {"type": "order.return.*"}},
    "source": {"common": {"source": "oms"}, "rare": {"source": "nowhere"}},
    "actor_id": {"common": {"actor_id": "svc_carrier"}, "rare": {"actor_id": "agent_007"}},
    "window": {"common": _WINDOW, "rare": {"from_us": _LOW, "to_us": _LOW + 3_600 * SECOND}},
    "from": {"common": {"from_us": _LOW}, "rare": {"from_us": BEGAN_US + (SPAN_S - 60) * SECOND}},
    "to": {"common": {"to_us": _LOW}, "rare": {"to_us": BEGAN_US + 3_600 * SECOND}},
}
EVENT_PAIRS = (
    *("type source", "type actor_id", "source actor_id", "type window", "types window"),
    *("source window", "actor_id window", "types source", "types actor_id"),
)


def chosen(filters: dict[str, dict[str, Values]], names: str) -> Iterator[Values]:
    """The filters of these names together, with common values and with a rare one among them."""
    for kind in ("common", "rare"):
        values: Values = {}
        for at, name in enumerate(names.split()):
            values |= filters[name][kind if at == 0 else "common"]
        yield values


async def list_orders(asking: Asking, tenant: str, values: Values, sort: ListSort) -> None:
    """Two pages."""
    asked = tenant, OrderFilters(**values)
    page = await asking.orders.list_orders(*asked, sort=sort, limit=_PAGE)
    if page:
        after = page[-1].key(sort)
        await asking.orders.list_orders(*asked, sort=sort, after=after, limit=_PAGE)


async def list_events(asking: Asking, tenant: str, values: Values) -> None:
    """Two pages."""
    page = await asking.orders.events(tenant, **values, limit=_PAGE)
    if page:
        after = page[-1].sequence
        await asking.orders.events(tenant, **values, after_sequence=after, limit=_PAGE)


def _is(field: str, op: str, value: Json) -> Json:
    return {"field": field, op: value}


WEEK = {"field": "occurred_at", "gte": format_us(_LOW), "lt": format_us(_HIGH)}
_PAYMENT = "order.payment.succeeded"
SEARCHES: dict[str, Json] = {
    "everything": {"all": []},
    "a common word": {"text": "order"},
    "a word of items": {"text": "blue"},
    "two words": {"text": "blue lantern"},
    "a word of nothing": {"text": "nowhere"},
    "an exact identifier": {"ident": "pay_00001234", "exact": True},
    "a part of an identifier": {"ident": "01234t"},
    "a part of nothing": {"ident": "no such thing"},
    "an address": {"ident": "user7@example.com"},
    "a telephone number": {"ident": "+1-555-0191"},
    **{
        f"{field} {op} {value}": _is(field, op, value)
        for field, op, value in (
            ("type", "eq", _PAYMENT), ("type", "eq", "order.nothing"),
            ("type", "in", [_PAYMENT, "order.cancelled"]), ("type", "prefix", "order.shipment."),
            ("type", "gt", "order.shipped"), ("type", "exists", True), ("source", "eq", "wms"),
            ("source", "prefix", "shop"), ("order_id", "eq", "ord_00000100"),
            ("actor_id", "eq", "agent_007"), ("actor_id", "prefix", "agent_"),
            ("actor_id", "exists", False), ("sequence", "gte", 10_000), ("sequence", "eq", 77),
            ("occurred_at", "gte", format_us(_LOW)), ("occurred_at", "lte", format_us(_LOW)),
            ("order.status", "eq", "cancelled"), ("order.status", "eq", "nowhere"),
            ("order.channel", "eq", "web"), ("order.currency", "eq", "EUR"),
            ("order.customer_id", "eq", "cust_000001"), ("order.number", "eq", "HUG-0000100"),
            ("order.number", "prefix", "HUG-00001"), ("order.sku", "eq", "SKU-00001"),
            ("order.sku", "eq", "SKU-17777"), ("order.total_minor", "gte", 500_000),
            ("order.on_hold", "eq", True), ("order.created_at", "gte", format_us(_LOW)),
            ("order.last_event_at", "lt", format_us(_LOW)),
            ("payload.gateway", "eq", "adyen"), ("payload.gateway", "prefix", "pay"),
            ("payload.gateway", "exists", True), ("payload.gateway", "gt", "paypal"),
            ("payload.items.sku", "eq", "SKU-00001"), ("payload.items.qty", "gte", 3),
            ("payload.amount_minor", "gte", 100_000), ("payload.amount_minor", "eq", 4_321),
            ("payload.total_minor", "eq", 4_321), ("payload.weight_g", "gt", 8_990),
            ("payload.failure_code", "in", ["fraud_suspected", "timeout"]),
            ("payload.void", "eq", True), ("payload.promised_delivery_at", "gte", format_us(_LOW)),
            ("metadata.correlation_id", "eq", "corr-64"), ("metadata.causation_id", "exists", True),
        )
    },
    "a word in a week": {"all": [{"text": "lantern"}, WEEK]},
    "a type in a week": {"all": [_is("type", "eq", _PAYMENT), WEEK]},
    "a type, an amount, a week": {
        "all": [_is("type", "eq", _PAYMENT), _is("payload.amount_minor", "gte", 20_000), WEEK]
    },
    "a code and a word": {"all": [_is("payload.failure_code", "eq", "timeout"), {"text": "adyen"}]},
    "a status and a word": {"all": [_is("order.status", "eq", "cancelled"), {"text": "blue"}]},
    "one of two": {"any": [{"text": "kettle"}, _is("payload.failure_code", "eq", "timeout")]},
    "all but": {"all": [_is("type", "eq", "order.created"), {"not": {"text": "blue"}}]},
    "absent": {"all": [_is("type", "eq", _PAYMENT), _is("payload.location", "exists", False)]},
    "a path of no index": {"all": [WEEK, _is("type", "eq", _PAYMENT), _is("payload.x.y", "eq", 1)]},
}  # fmt: skip


_LATER = "walks a tenant's events or orders by a sort, past all that do not match"
_NO_AMOUNT = "walks all amounts of a tenant to learn that no match has one"
KNOWN: dict[str, tuple[str, tuple[Sort | None, ...]]] = {
    "order.currency eq EUR": (
        "the planner does not know which tenants have a currency, and expects many matches",
        ("occurred_at", "sequence", "amount", None),
    ),
    "order.last_event_at lt": (_LATER, ("occurred_at", "sequence", "relevance", None)),
    "type gt": ("no index is by code point", (*SORTS, None)),
    "type prefix order.shipment.": (_NO_AMOUNT, ("amount",)),
    "source prefix": (_NO_AMOUNT, ("amount",)),
    "source eq": (_NO_AMOUNT, ("amount",)),
    "payload.weight_g gt": (_NO_AMOUNT, ("amount",)),
    "all but": (_NO_AMOUNT, ("amount",)),
}
"""Of searches, why some sorts read too much, by how their names begin. None: of orders."""


def known(name: str, sort: Sort | None) -> str | None:
    """Why a search is expected to read too much."""
    for start, (reason, sorts) in KNOWN.items():
        if name.startswith(start) and sort in sorts:
            return reason
    return None


async def search(asking: Asking, tenant: str, query: Json, by: Sort | None) -> None:
    """Two pages of events by a sort; without one, of orders."""
    node = read_query(query, "/query", personal=True)
    after = None
    for _ in range(2):
        if by is None:
            found = await asking.search.orders(tenant, node, after, _PAGE)
        else:
            found = await asking.search.events(tenant, node, Order(by), after, _PAGE)
        after = found.next
        if after is None:
            break


_YEAR = {
    "field": "occurred_at",
    "gte": format_us(BEGAN_US + 152 * _DAY_US),
    "lt": format_us(BEGAN_US + 517 * _DAY_US),
}
_AMOUNT = field_named("payload.amount_minor")
_EUROS = {"all": [_is("payload.currency", "eq", "EUR"), WEEK]}


def _counted(*names: str, top: int | None = None) -> Asked:
    return Asked([Measure("count")], [Group(field_named(name)) for name in names], top)


ROLLUPS: dict[str, tuple[Json, Asked]] = {
    "everything": ({"all": []}, _counted()),
    "by type": ({"all": []}, _counted("type")),
    "by source in a year": (_YEAR, _counted("source")),
    "by day and type in a year": (
        _YEAR,
        Asked(
            [Measure("count")], [Group(field_named("occurred_at"), "day"), *_counted("type").groups]
        ),
    ),
    "by hour in a week": (
        WEEK,
        Asked([Measure("count")], [Group(field_named("occurred_at"), "hour")]),
    ),
    "payments by currency": (
        _is("type", "prefix", "order.payment."),
        Asked([Measure("sum", _AMOUNT)], [Group(CURRENCY)]),
    ),
    "a type by month": (
        _is("type", "eq", _PAYMENT),
        Asked([Measure("count")], [Group(field_named("occurred_at"), "month")]),
    ),
}
"""What is told from the counts by hour and by day."""
ROWS: dict[str, tuple[Json, Asked]] = {
    "amounts by currency": ({"all": []}, Asked([Measure("sum", _AMOUNT)], [Group(CURRENCY)])),
    "by actor in a week": (WEEK, _counted("actor_id")),
    "by status in a week": (WEEK, _counted("order.status")),
    "by sku in a week": (WEEK, _counted("order.sku")),
    "a word by type": ({"text": "lantern"}, _counted("type")),
    "percentiles of a week": (
        _EUROS,
        Asked([Measure("p95", _AMOUNT), Measure("avg", _AMOUNT)], []),
    ),
    "totals in a week": (
        {"all": [_is("order.currency", "eq", "EUR"), WEEK]},
        Asked([Measure("max", field_named("order.total_minor"))], []),
    ),
    "by failure code in a week": (WEEK, _counted("payload.failure_code")),
    "top actors": ({"all": []}, _counted("actor_id", top=10)),
    "top actors in a week": (WEEK, _counted("actor_id", top=10)),
    "top skus in a week": (WEEK, _counted("order.sku", top=10)),
    "top failure codes in a year": (_YEAR, _counted("payload.failure_code", top=5)),
    "top types": ({"all": []}, _counted("type", top=5)),
    "top amounts of actors": (
        {"all": [_is("payload.currency", "eq", "EUR"), WEEK]},
        Asked([Measure("max", _AMOUNT)], [Group(field_named("actor_id"))], 10),
    ),
}
"""What is told from the rows of events, or from the events themselves."""


async def count(asking: Asking, tenant: str, query: Json, asked: Asked) -> bool:
    """Whether it is told from the counts."""
    node = read_query(query, "/query", personal=True)
    return (await asking.aggregate(tenant, node, asked)).rollup
