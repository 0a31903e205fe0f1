"""Queries that a list can be asked for as well, as the filters of that list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.projections.search.reference import us

Json = Any
Filters = dict[str, Any]

_EVENTS = {
    ("type", "eq"): "type",
    ("type", "prefix"): "type",
    ("source", "eq"): "source",
    ("order_id", "eq"): "order_id",
    ("actor_id", "eq"): "actor_id",
    ("occurred_at", "gte"): "from_us",
    ("occurred_at", "lt"): "to_us",
}
_ORDERS = {
    ("order.status", "eq"): "status",
    ("order.channel", "eq"): "channel",
    ("order.currency", "eq"): "currency",
    ("order.customer_id", "eq"): "customer_id",
    ("order.sku", "eq"): "sku",
    ("order.total_minor", "gte"): "min_total_minor",
    ("order.total_minor", "lte"): "max_total_minor",
    ("order.last_event_at", "lt"): "last_event_before",
    ("order.last_event_at", "gte"): "last_event_after",
    ("order.created_at", "gte"): "created_from",
    ("order.created_at", "lt"): "created_to",
    ("order.on_hold", "eq"): "on_hold",
    ("actor_id", "eq"): "actor_id",
}
"""(field, operator) -> filter. A query finds the orders that have an event of which all is true: so
one condition on the event itself is the same to both."""


def listed_events(query: dict[str, Json]) -> Filters | None:
    """The filters of GET /events that mean the same; None where there are none."""
    filters = _filters(query, _EVENTS)
    kind = None if filters is None else filters.get("type")
    if filters is not None and kind is not None and ("type", "prefix") in _pairs(query):
        return {**filters, "type": f"{kind}*"} if kind.endswith(".") else None
    return filters


def listed_orders(query: dict[str, Json]) -> Filters | None:
    """The filters of GET /orders that mean the same; None where there are none."""
    return _filters(query, _ORDERS)


def _filters(query: dict[str, Json], names: Mapping[tuple[str, str], str]) -> Filters | None:
    filters: Filters = {}
    for (field, op), value in (pairs := _pairs(query)).items():
        name = names.get((field, op))
        if name is None:
            return None
        filters[name] = us(value) if field.endswith("_at") else value
    conditions = query.get("all", [query])
    told = sum(len(one) - 1 for one in conditions if "field" in one)
    return filters if pairs and len(filters) == told == len(pairs) else None


def _pairs(query: dict[str, Json]) -> dict[tuple[str, str], Json]:
    """What is asked of fields, all of it together; of any other query nothing."""
    conditions = query.get("all", [query])
    if not all("field" in one for one in conditions):
        return {}
    return {
        (one["field"], op): value
        for one in conditions
        for op, value in one.items()
        if op != "field"
    }
