"""What is asked of millions of events: over HTTP, and by hand in SQL."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from bench.generator import BEGAN_US, SPAN_S
from domain.times import SECOND, format_us

_DAY = 86_400
_PAGE = 50
_KEYS = "select position, sequence, occurred_us from order_events where tenant_id = %(tenant)s"
_ORDERS = "select * from orders where tenant_id = %(tenant)s"


class Asked(Struct, frozen=True):
    """One question with its values. sql: psycopg's, with named parameters."""

    tenant: str
    method: str
    path: str
    body: bytes
    sql: str
    values: Mapping[str, Any]


class Question(Struct, frozen=True):
    """most, most_many: milliseconds that p95 may take at one and at ten million events."""

    name: str
    most: float
    most_many: float
    ask: Callable[[random.Random, str], Asked]


Draw = Callable[[random.Random], dict[str, Any]]

_TYPES = ("order.created", "order.delivered", "order.payment.refunded", "order.item.price_changed")
_SOURCES = ("oms", "adyen", "dhl", "wms", "till")
_ACTORS = ("svc_carrier", "agent_007", "picker_123", "svc_payments")
_EVENT_FILTERS: dict[str, tuple[Draw, str]] = {
    "type": (lambda c: {"type": c.choice(_TYPES)}, "type = %(type)s"),
    "source": (lambda c: {"source": c.choice(_SOURCES)}, "source = %(source)s"),
    "actor_id": (lambda c: {"actor_id": c.choice(_ACTORS)}, "actor_id = %(actor_id)s"),
    "window": (
        lambda c: _window(c, 7),
        "occurred_us >= %(from_us)s and occurred_us < %(to_us)s",
    ),
}
_EVENT_PAIRS = (
    "type source", "type actor_id", "type window", "source window", "actor_id window",
)  # fmt: skip

_OF_ACTOR = "from order_events e where e.tenant_id = %(tenant)s and e.actor_id = %(actor_id)s"
_ORDER_FILTERS: dict[str, tuple[Draw, str]] = {
    "status": (
        lambda c: {"status": c.choice(("delivered", "cancelled", "pending"))},
        "status = %(status)s",
    ),
    "channel": (lambda c: {"channel": c.choice(("web", "phone"))}, "channel = %(channel)s"),
    "currency": (lambda c: {"currency": c.choice(("EUR", "GBP"))}, "currency = %(currency)s"),
    "customer_id": (
        lambda c: {"customer_id": f"cust_{int(c.paretovariate(0.6)) % 500_000:06}"},
        "customer_id = %(customer_id)s",
    ),
    "sku": (
        lambda c: {"sku": f"SKU-{int(c.paretovariate(0.5)) % 20_000:05}"},
        "%(sku)s = any(skus)",
    ),
    "total": (
        lambda _: {"min_total_minor": 40_000, "max_total_minor": 60_000},
        "total_minor between %(min_total_minor)s and %(max_total_minor)s",
    ),
    "created": (
        lambda c: _window(c, 7, "created_from", "created_to"),
        "created_us >= %(from_us)s and created_us < %(to_us)s",
    ),
    "actor_id": (
        lambda c: {"actor_id": f"agent_{c.randrange(120):03}"},
        f"order_id in (select e.order_id {_OF_ACTOR})",
    ),
}
_ORDER_PAIRS = (
    "status channel", "status currency", "status created", "status total", "channel created",
    "customer_id status", "sku status", "currency total",
)  # fmt: skip


def questions() -> Iterator[Question]:
    """All of them."""
    for names in (*_EVENT_FILTERS, *_EVENT_PAIRS):
        yield _list("/events", names, _EVENT_FILTERS, _KEYS, "sequence")
    for names in ("", *_ORDER_FILTERS, *_ORDER_PAIRS):
        yield _list("/orders", names, _ORDER_FILTERS, _ORDERS, "last_us desc, order_id desc")


def _list(
    path: str, names: str, filters: Mapping[str, tuple[Draw, str]], keys: str, order: str
) -> Question:
    chosen = [filters[name] for name in names.split()]
    conditions = "".join(f" and {condition}" for _, condition in chosen)
    sql = f"{keys}{conditions} order by {order} limit {_PAGE}"

    def ask(chance: random.Random, tenant: str) -> Asked:
        drawn: dict[str, Any] = {}
        for draw, _ in chosen:
            drawn |= draw(chance)
        values = {"tenant": tenant, **drawn}
        query = urlencode({name: one for name, one in drawn.items() if not name.endswith("_us")})
        return Asked(tenant, "GET", f"{path}?{query}", b"", sql, values)

    return Question(f"{path} by {names.replace(' ', ', ') or 'time'}", 10, 25, ask)


def _window(
    chance: random.Random, days: int, low: str = "from", high: str = "to"
) -> dict[str, Any]:
    """A stretch of days, as the API and as SQL take it."""
    begins = BEGAN_US + chance.randrange(SPAN_S - days * _DAY) // _DAY * _DAY * SECOND
    ends = begins + days * _DAY * SECOND
    return {low: format_us(begins), high: format_us(ends), "from_us": begins, "to_us": ends}


def searching(name: str, most: float, most_many: float, body: Any, sql: str) -> Question:
    """A search, with the SQL for it."""
    encoded = msgspec.json.encode(body)

    def ask(_: random.Random, tenant: str) -> Asked:
        return Asked(tenant, "POST", "/search", encoded, sql, {"tenant": tenant})

    return Question(name, most, most_many, ask)
