"""WHERE clauses of the orders read model, put together from fixed texts.

Everything starts from `OF_TENANT`: no statement is built without it. Values are always bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

OF_TENANT = "tenant_id = %(tenant)s"
"""Each query of this model filters by tenant with this text, whatever else it asks."""


class OrderFilters(Struct, frozen=True):
    """What GET /orders filters on; None means any. Times are microseconds since 1970.

    Lower bounds include, upper bounds of times exclude, `max_total_minor` includes. `sku`: an item
    of the order's present state has it. `actor_id`: has an event in the order's history.
    `changed_since_us` is `has_recent_changes` as an instant, on the first clock as last_event_at.
    """

    status: str | None = None
    channel: str | None = None
    currency: str | None = None
    customer_id: str | None = None
    sku: str | None = None
    min_total_minor: int | None = None
    max_total_minor: int | None = None
    last_event_before: int | None = None
    last_event_after: int | None = None
    created_from: int | None = None
    created_to: int | None = None
    changed_since_us: int | None = None
    actor_id: str | None = None
    on_hold: bool | None = None


EVENT_COLUMNS: Mapping[str, str] = {
    "type": "type",
    "source": "source",
    "order_id": "order_id",
    "actor_id": "actor_id",
    "sequence": "sequence",
    "occurred_at": "occurred_us",
    "payload.amount_minor": "amount_minor",
}
"""Fields (domain/search/fields.py) that are a column of order_events."""

ORDER_COLUMNS: Mapping[str, str] = {
    "order.status": "status",
    "order.channel": "channel",
    "order.currency": "currency",
    "order.customer_id": "customer_id",
    "order.number": "number",
    "order.sku": "skus",
    "order.total_minor": "total_minor",
    "order.on_hold": "on_hold",
    "order.created_at": "created_us",
    "order.last_event_at": "last_us",
}
"""Fields that are a column of orders; `skus` is a list."""

COMPARED: Mapping[str, str] = {
    "eq": "{column} = {value}",
    "in": "{column} = any({value})",
    "prefix": "starts_with({column}, {value})",
    "gt": "{column} > {value}",
    "gte": "{column} >= {value}",
    "lt": "{column} < {value}",
    "lte": "{column} <= {value}",
}
"""How a column is held against a bound value: the one source of lists, search, aggregation."""

_LISTS = frozenset({"skus"})


def compared(column: str, op: str, value: str) -> str:
    """The condition on a column. value: the place of a bound value, such as `%(status)s`."""
    if column not in _LISTS:
        return COMPARED[op].format(column=column, value=value)
    if op == "eq":
        return f"{column} @> array[{value}]::text[]"
    if op == "in":
        return f"{column} && {value}"
    one = COMPARED[op].format(column="one", value=value)
    return f"exists (select from unnest({column}) as one where {one})"


def present(column: str) -> str:
    """That a column has a value."""
    return f"cardinality({column}) > 0" if column in _LISTS else f"{column} is not null"


def absent(column: str) -> str:
    """That a column has none, said so that an index may serve it."""
    return f"cardinality({column}) = 0" if column in _LISTS else f"{column} is null"


def _conditions(
    columns: Mapping[str, str], filters: Mapping[str, tuple[str, str]]
) -> dict[str, str]:
    """name of a filter -> condition, of name -> (field, operator)."""
    return {
        name: compared(columns[field], op, f"%({name})s") for name, (field, op) in filters.items()
    }


ORDER_CONDITIONS: Mapping[str, str] = {
    **_conditions(
        ORDER_COLUMNS,
        {
            "status": ("order.status", "eq"),
            "channel": ("order.channel", "eq"),
            "currency": ("order.currency", "eq"),
            "customer_id": ("order.customer_id", "eq"),
            "sku": ("order.sku", "eq"),
            "min_total_minor": ("order.total_minor", "gte"),
            "max_total_minor": ("order.total_minor", "lte"),
            "last_event_before": ("order.last_event_at", "lt"),
            "last_event_after": ("order.last_event_at", "gte"),
            "created_from": ("order.created_at", "gte"),
            "created_to": ("order.created_at", "lt"),
            "changed_since_us": ("order.last_event_at", "gte"),
            "on_hold": ("order.on_hold", "eq"),
        },
    ),
    "actor_id": (
        "order_id in (select e.order_id from order_events e"
        " where e.tenant_id = %(tenant)s and e.actor_id = %(actor_id)s)"
    ),
}

EVENT_CONDITIONS: Mapping[str, str] = _conditions(
    EVENT_COLUMNS,
    {
        "order_id": ("order_id", "eq"),
        "type": ("type", "eq"),
        "prefix": ("type", "prefix"),
        "source": ("source", "eq"),
        "from_us": ("occurred_at", "gte"),
        "to_us": ("occurred_at", "lt"),
        "actor_id": ("actor_id", "eq"),
        "after_sequence": ("sequence", "gt"),
    },
)


def where(conditions: Iterable[str]) -> str:
    """The conditions and the tenant's, as one WHERE clause."""
    return "where " + " and ".join((OF_TENANT, *conditions))


def given(values: Mapping[str, object]) -> dict[str, object]:
    """The values that filter at all."""
    return {name: value for name, value in values.items() if value is not None}


def type_filter(pattern: str | None) -> dict[str, object]:
    """An event type, or `order.payment.*`: one or more further segments under the prefix."""
    if pattern is not None and pattern.endswith(".*"):
        return {"prefix": pattern[:-1]}
    return given({"type": pattern})
