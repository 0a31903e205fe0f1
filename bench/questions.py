"""What is asked of millions of events: over HTTP, and by hand in SQL."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from bench.generator import BEGAN_US, CODES, NOUNS, SPAN_S, WORDS
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
    """most, most_many: milliseconds that p95 may take at one and at ten million events. instead:
    how often bare SQL is asked in a round, at most: some of it takes seconds."""

    name: str
    most: float
    most_many: float
    ask: Callable[[random.Random, str], Asked]
    instead: int = 1_000


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


_YEAR = {"field": "occurred_at", "gte": "2024-06-01T00:00:00Z", "lt": "2025-06-01T00:00:00Z"}
_YEAR_US = (1_717_200_000 * SECOND, 1_748_736_000 * SECOND)
_LIKE = """
select e.position, e.sequence, e.occurred_us from order_events e join events s using (position)
 where e.tenant_id = %(tenant)s and convert_from(s.state, 'UTF8') ilike %(like)s
 order by e.occurred_us desc limit 50"""
_COUNT = "from order_events where tenant_id = %(tenant)s and occurred_us >= %(low)s"
_BY_DAY = (
    f"select occurred_us / {_DAY * SECOND}, type, count(*) {_COUNT}"
    " and occurred_us < %(high)s group by 1, 2"
)
_BY_ACTOR = f"select actor_id, count(*) {_COUNT} group by 1 order by 2 desc limit 10"

Body = Callable[[random.Random], dict[str, Any]]

_SEARCHES: dict[str, Body] = {
    "a common word": lambda _: {"text": "order"},
    "a word of items": lambda c: {"text": c.choice(WORDS)},
    "two words": lambda c: {"text": f"{c.choice(WORDS)} {c.choice(NOUNS)}"},
    "a rare word": lambda c: {"text": f"{c.choice(NOUNS)} {c.randrange(4_000)}"},
    "an exact identifier": lambda c: {"ident": f"pay_{c.randrange(90_000):08x}", "exact": True},
    "a part of an identifier": lambda c: {"ident": f"{c.randrange(10**5):05}t"},
    "a field and a word": lambda c: {
        "all": [{"field": "payload.failure_code", "eq": c.choice(CODES)}, {"text": "adyen"}]
    },
    "an amount, a type, a week": lambda c: {
        "all": [
            {"field": "payload.amount_minor", "gte": 20_000, "lt": 25_000},
            {"field": "type", "eq": "order.payment.succeeded"},
            _week(c),
        ]
    },
    "an order's status and a word": lambda c: {
        "all": [{"field": "order.status", "eq": "cancelled"}, {"text": c.choice(WORDS)}]
    },
}
_COUNTED: dict[str, tuple[str, dict[str, Any], str, float]] = {
    "count by day and type over a year": (
        "/aggregations",
        {
            "measures": [{"op": "count"}],
            "group_by": [{"field": "occurred_at", "interval": "day", "time_zone": "UTC"}, "type"],
            "query": _YEAR,
        },
        _BY_DAY,
        50,
    ),
    "top actors": ("/topk", {"field": "actor_id", "k": 10}, _BY_ACTOR, 100),
    "top failure codes": (
        "/topk",
        {"field": "payload.failure_code", "k": 5, "query": _YEAR},
        _BY_ACTOR,
        100,
    ),
}


def questions() -> Iterator[Question]:
    """All of them."""
    for name, body in _SEARCHES.items():
        yield Question(f"search: {name}", 30, 100, _searching(body), instead=1)
    for name, (path, asked, sql, most) in _COUNTED.items():
        yield Question(name, most, most, _counting(path, asked, sql))
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


def _searching(body: Body) -> Callable[[random.Random, str], Asked]:
    """Instead: every event of the tenant that has the longest word somewhere in its bytes."""

    def ask(chance: random.Random, tenant: str) -> Asked:
        query = body(chance)
        text = str(query.get("text") or query.get("ident") or "succeeded")
        values = {"tenant": tenant, "like": f"%{max(text.split(), key=len)}%"}
        encoded = msgspec.json.encode({"query": query})
        return Asked(tenant, "POST", "/search", encoded, _LIKE, values)

    return ask


def _counting(path: str, asked: dict[str, Any], sql: str) -> Callable[[random.Random, str], Asked]:
    encoded = msgspec.json.encode(asked)
    low, high = _YEAR_US

    def ask(_: random.Random, tenant: str) -> Asked:
        return Asked(
            tenant, "POST", path, encoded, sql, {"tenant": tenant, "low": low, "high": high}
        )

    return ask


def _week(chance: random.Random) -> dict[str, Any]:
    window = _window(chance, 7)
    return {"field": "occurred_at", "gte": window["from"], "lt": window["to"]}
