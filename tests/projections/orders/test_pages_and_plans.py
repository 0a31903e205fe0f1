"""Walks while writers append, reading one's own writes, and the plans behind the answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from infrastructure.postgres.connect import Pool
from projections.orders import statements
from projections.orders.filters import EVENT_CONDITIONS, ORDER_CONDITIONS
from projections.orders.queries import OrderQueries
from projections.orders.statements import Sort
from projections.progress import register
from projections.read_model import apply_once
from projections.reading import Connection, read_batch
from tests.projections.filling import START_US, Fact, Filling
from tests.projections.indexing import orders_model
from tests.projections.orders.following import project

pytestmark = pytest.mark.anyio
SECOND = 1_000_000


@pytest.fixture
async def queries(pool: Pool) -> OrderQueries:
    return OrderQueries(pool)


async def test_a_walk_by_creation_while_writers_append(
    queries: OrderQueries, app: Connection, filling: Filling
) -> None:
    await filling.add(*(Fact(f"o{n}", "order.created", at=n % 7) for n in range(60)))
    await project(app)
    met: list[str] = []
    after = None
    while page := await queries.list_orders("acme", sort="created_at", after=after, limit=7):
        met += [one.order_id for one in page]
        after = page[-1].key("created_at")
        number = len(met)
        await filling.add(
            Fact(f"new{number}", "order.created", at=number % 9),
            Fact(f"o{number % 60}", "order.confirmed", at=number),
            Fact(f"o{(number * 7) % 60}", "order.confirmed", at=0),
        )
        await project(app)
    old = [one for one in met if not one.startswith("new")]
    assert sorted(old) == sorted(f"o{n}" for n in range(60))
    assert len(met) == len(set(met))


async def test_reading_ones_own_writes(
    queries: OrderQueries, app: Connection, filling: Filling
) -> None:
    await filling.add(Fact("o1"), Fact("o1", tenant="other"), Fact("o2"))
    await register(app, ["orders"])
    batch = await read_batch(app, 0, up_to=2)
    await apply_once(app, orders_model(), batch)
    assert await queries.reached("acme", 1)
    assert not await queries.reached("acme", 2)
    assert not await queries.reached("acme", 3)
    assert not await queries.reached("other", 2)
    assert await queries.reached("nobody", 0)
    assert not await queries.reached("nobody", 1)
    assert not await queries.wait_for("acme", 2, 0.02)
    waiting = asyncio.create_task(queries.wait_for("acme", 2, 10))
    await project(app)
    assert await waiting


def all_statements() -> list[str]:
    """Every text of each builder: with no filter, each filter alone, and all of them."""
    events = [frozenset[str](), *(frozenset([name]) for name in EVENT_CONDITIONS)]
    orders = [frozenset[str](), *(frozenset([name]) for name in ORDER_CONDITIONS)]
    orders.append(frozenset(ORDER_CONDITIONS))
    sorts: tuple[Sort, ...] = ("last_event_at", "created_at", "total_minor")
    flags = (False, True)
    spans: tuple[statements.Span | None, ...] = (None, "short", "long")
    return [
        statements.ORDER_EXISTS,
        statements.AGGREGATE,
        statements.REACHED,
        *(
            statements.timeline(names, by, after, maintenance)
            for names in events
            for by in flags
            for after in flags
            for maintenance in flags
        ),
        *(
            statements.events(names, history, span)
            for names in events
            for history in flags
            for span in spans
        ),
        *(statements.span(names) for names in events if names & statements.WINDOW),
        *(
            statements.orders(names, sort, after, without)
            for names in orders
            for sort in sorts
            for after in flags
            for without in flags
        ),
    ]


def test_no_statement_lacks_the_tenant() -> None:
    for text in all_statements():
        # Each table that is read needs the filter beside it.
        tables = [
            name
            for name in ("order_events", "orders", "actors", "events", "event_hours")
            for _ in range(text.count(f"from {name} "))
        ]
        assert text.count("tenant_id = %(tenant)s") >= max(1, len(tables)), text


@pytest.fixture
async def many(app: Connection, owner: Connection, filling: Filling) -> Connection:
    """Two tenants with 4,000 orders and one order of 2,500 events, analyzed."""
    kinds = ["order.created", *(f"order.payment.{n}" for n in range(5)), "order.rare.one"]
    rows = []
    for n in range(4000):
        tenant = ("acme", "other")[n % 2]
        payload = {
            "total_minor": n % 900,
            "status": f"s{n % 50}",
            "customer_id": f"c{n % 500}",
        }
        actor = {"actor_id": f"a{n % 400}"}
        kind = kinds[-1] if n % 1000 == 0 else kinds[1 + n % 5]
        rows.append(filling.row(Fact(f"o{n}", kinds[0], payload, n, tenant, metadata=actor)))
        rows.append(filling.row(Fact(f"o{n}", kind, {}, n + 5, tenant, source=f"s{n % 90}")))
    rows += [filling.row(Fact("big", "order.note.added", {}, n)) for n in range(2500)]
    await filling.add_rows(rows)
    await project(app)
    await owner.execute("analyze")
    return app


VALUES: dict[str, Any] = {
    "tenant": "acme",
    "limit": 50,
    "order_id": "o10",
    "type": "order.payment.1",
    "prefix": "order.payment.",
    "source": "s8",
    "actor_id": "a8",
    "after_sequence": 100,
    "after_us": START_US,
    "after_key": START_US + 1000 * SECOND,
    "after_order": "o5",
    "status": "s2",
    "channel": "web",
    "from_us": START_US,
    "to_us": START_US + 1000 * SECOND,
    "created_from": START_US,
    "created_to": START_US + 1000 * SECOND,
    "last_event_after": START_US,
    "last_event_before": START_US + 1000 * SECOND,
    "on_hold": True,
    "customer_id": "c4",
    "model": "orders",
    "sequence": 5,
    "first_sequence": 1,
    "last_sequence": 2000,
}


PLANS = [
    (statements.ORDER_EXISTS, "orders_pkey"),
    (statements.AGGREGATE, "order_events_timeline"),
    (statements.REACHED, "events_sequence_key"),
    (statements.timeline(frozenset(), False, True), "order_events_timeline"),
    (statements.timeline(frozenset(), False, True, True), "order_events_timeline"),
    (statements.timeline(frozenset(["prefix"]), False, False), "order_events_timeline"),
    (statements.timeline(frozenset(), True, True), "order_events_timeline"),
    (statements.events(frozenset(), False), "order_events_pkey"),
    (statements.events(frozenset(["after_sequence"]), False), "order_events_pkey"),
    (statements.events(frozenset(["type"]), False), "order_events_by_type"),
    (statements.events(frozenset(["prefix"]), False), "order_events_by_type"),
    (statements.events(frozenset(["source"]), False), "order_events_by_source"),
    (statements.events(frozenset(["actor_id"]), False), "order_events_by_actor"),
    (statements.events(frozenset(["order_id"]), False), "order_events_timeline"),
    (statements.events(frozenset(["type", "source"]), False), "order_events_by_type_source"),
    (statements.events(frozenset(["type", "actor_id"]), False), "order_events_by_type_actor"),
    (statements.events(frozenset(["source", "actor_id"]), False), "order_events_by_source_actor"),
    (statements.events(frozenset(["from_us", "to_us"]), False, "short"), "order_events_pkey"),
    (statements.events(frozenset(["type", "to_us"]), False, "short"), "order_events_by_type"),
    (statements.events(frozenset(["actor_id", "to_us"]), False, "short"), "order_events_by_actor"),
    (statements.orders(frozenset(), "last_event_at", True), "orders_by_last_event"),
    (statements.orders(frozenset(), "created_at", True), "orders_by_created"),
    (statements.orders(frozenset(), "total_minor", True), "orders_by_total"),
    (statements.orders(frozenset(), "total_minor", True, True), "orders_by_total"),
    (statements.orders(frozenset(["status"]), "last_event_at", False), "orders_by_status"),
    (statements.orders(frozenset(["channel"]), "last_event_at", False), "orders_by_channel"),
    (
        statements.orders(frozenset(["created_from", "created_to"]), "last_event_at", False),
        "orders_by_created",
    ),
    (
        statements.orders(
            frozenset(["last_event_after", "last_event_before"]), "created_at", False
        ),
        "orders_by_last_event",
    ),
    (statements.orders(frozenset(["on_hold"]), "last_event_at", False), "orders_on_hold"),
    (
        statements.orders(frozenset(["customer_id"]), "last_event_at", True),
        "orders_by_customer",
    ),
    (
        statements.orders(frozenset(["actor_id"]), "last_event_at", False),
        "order_events_by_actor",
    ),
]


def test_a_walk_by_creation_begins_where_the_last_event_may_be() -> None:
    """No order was created after its last event."""
    text = statements.orders(frozenset(["last_event_before"]), "created_at", False)
    assert "and created_us < %(last_event_before)s" in text
    text = statements.orders(frozenset(["last_event_before"]), "total_minor", False)
    assert "created_us" not in text.partition("where")[2]


async def test_plans(many: Connection) -> None:
    for text, index in PLANS:
        for order_id in ("o10", "big"):
            cursor = await many.execute(f"explain {text}".encode(), VALUES | {"order_id": order_id})
            plan = "\n".join(line for (line,) in await cursor.fetchall())
            assert index in plan, f"{text}\n{plan}"
            for table in ("orders", "order_events", "events"):
                assert f"Seq Scan on {table} " not in plan, f"{text}\n{plan}"
