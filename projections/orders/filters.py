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


ORDER_CONDITIONS: Mapping[str, str] = {
    "status": "status = %(status)s",
    "channel": "channel = %(channel)s",
    "currency": "currency = %(currency)s",
    "customer_id": "customer_id = %(customer_id)s",
    "sku": "%(sku)s = any(skus)",
    "min_total_minor": "total_minor >= %(min_total_minor)s",
    "max_total_minor": "total_minor <= %(max_total_minor)s",
    "last_event_before": "last_us < %(last_event_before)s",
    "last_event_after": "last_us >= %(last_event_after)s",
    "created_from": "created_us >= %(created_from)s",
    "created_to": "created_us < %(created_to)s",
    "changed_since_us": "last_us >= %(changed_since_us)s",
    "actor_id": (
        "order_id in (select e.order_id from order_events e"
        " where e.tenant_id = %(tenant)s and e.actor_id = %(actor_id)s)"
    ),
    "on_hold": "on_hold = %(on_hold)s",
}

EVENT_CONDITIONS: Mapping[str, str] = {
    "order_id": "order_id = %(order_id)s",
    "type": "type = %(type)s",
    "prefix": "starts_with(type, %(prefix)s)",
    "source": "source = %(source)s",
    "from_us": "occurred_us >= %(from_us)s",
    "to_us": "occurred_us < %(to_us)s",
    "actor_id": "actor_id = %(actor_id)s",
    "after_sequence": "sequence > %(after_sequence)s",
}


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
