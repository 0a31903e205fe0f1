"""The orders read model equals the fold, however events arrive and are cut into batches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from domain.orders.history import fold_all, past_event
from domain.times import parse_us
from infrastructure.postgres.order_tables import orders
from projections.orders.lives import OrderRow, skus_of
from projections.progress import register
from projections.read_model import apply_once
from projections.reading import read_batch
from tests.projections.filling import START_US, Fact, Filling
from tests.projections.indexing import orders_model
from tests.projections.orders.lives import histories

Connection = AsyncConnection[Any]
pytestmark = pytest.mark.anyio
MODEL = orders_model()


async def follow(connection: Connection, *ends: int) -> None:
    """Apply all events, cut after the given positions."""
    await register(connection, [MODEL.name])
    at = await (await connection.execute("select position from tracking")).fetchone()
    assert at is not None
    place: int = at[0]
    for end in (*ends, None):
        batch = await read_batch(connection, place, up_to=end)
        if batch.end > place:
            await apply_once(connection, MODEL, batch)
        place = batch.end


async def rows_of(connection: Connection, table: str, tenant: str = "acme") -> list[dict[str, Any]]:
    text = f"select * from {table} where tenant_id = %s order by 1, 2"
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(text.encode(), (tenant,))).fetchall()


async def test_a_plain_life(app: Connection, filling: Filling) -> None:
    created = {
        "number": "N-1",
        "channel": "web",
        "currency": "EUR",
        "total_minor": 2**53 - 1,
        "customer": {"id": "c-1"},
        "items": [{"sku": "b"}, {"sku": "a"}, {"sku": "b"}],
    }
    await filling.add(
        Fact("o-1", "order.created", created, metadata={"actor_id": "u", "actor_type": "user"}),
        Fact("o-1", "order.confirmed", {}, at=10, metadata={"actor_id": "u"}),
        Fact("o-1", "order.hold.placed", {}, at=20),
    )
    await follow(app)
    assert await rows_of(app, "orders") == [
        {
            "tenant_id": "acme",
            "order_id": "o-1",
            "number": "N-1",
            "status": "confirmed",
            "channel": "web",
            "currency": "EUR",
            "customer_id": "c-1",
            "total_minor": 2**53 - 1,
            "on_hold": True,
            "skus": ["a", "b"],
            "created_us": START_US,
            "first_us": START_US,
            "last_us": START_US + 20_000_000,
            "last_sequence": 3,
            "event_count": 3,
            "awaits_original": False,
        }
    ]
    assert await rows_of(app, "actors") == [
        {
            "tenant_id": "acme",
            "actor_id": "u",
            "actor_type": "user",
            "events": 2,
            "first_us": START_US,
            "last_us": START_US + 10_000_000,
        }
    ]


CREATED = {"total_minor": 100, "items": [{"sku": "a", "unit_price_minor": 100}]}
VOID = {"correction": "never happened", "void": True}
LIVES: dict[str, tuple[list[Fact], dict[str, Any]]] = {
    "a late event": (
        [
            Fact("o1", "order.created", CREATED),
            Fact("o1", "order.delivered", at=20),
            Fact("o1", "order.shipped", at=10),
        ],
        {"status": "delivered", "last_us": START_US + 20_000_000, "skus": ["a"]},
    ),
    "earlier than the first": (
        [Fact("o1", "order.confirmed", at=9), Fact("o1", "order.created", CREATED, at=2)],
        {
            "status": "confirmed",
            "created_us": START_US + 9_000_000,
            "first_us": START_US + 2_000_000,
            "total_minor": 100,
        },
    ),
    "a correction": (
        [
            Fact("o1", "order.created", CREATED),
            Fact("o1", "order.cancelled", at=1, event_id="oops"),
            Fact("o1", "order.correction", VOID, at=2, correction_of="oops"),
        ],
        {"status": "pending", "awaits_original": False, "event_count": 3},
    ),
    "a correction that came first": (
        [
            Fact("o1", "order.created", CREATED),
            Fact("o1", "order.correction", VOID, at=1, correction_of="oops"),
            Fact("o1", "order.cancelled", at=2, event_id="oops"),
            Fact("o1", "order.note.added", at=3),
        ],
        {"status": "pending", "awaits_original": False, "event_count": 4},
    ),
    "a correction that waits": (
        [
            Fact("o1", "order.created", CREATED),
            Fact("o1", "order.correction", VOID, at=1, correction_of="never"),
        ],
        {"status": "pending", "awaits_original": True},
    ),
    "a price": (
        [
            Fact("o1", "order.created", CREATED),
            Fact("o1", "order.item.price_changed", {"sku": "a", "total_after_minor": 90}, at=1),
        ],
        {"total_minor": 90, "skus": ["a"], "status": "pending"},
    ),
    "values that no index holds": (
        [Fact("o1", "order.updated", {"status": "s" * 9000, "customer_id": "c" * 201})],
        {"status": None, "customer_id": None},
    ),
}


@pytest.mark.parametrize("name", LIVES)
async def test_a_life_however_it_is_cut(app: Connection, filling: Filling, name: str) -> None:
    facts, wanted = LIVES[name]
    tenants = [f"cut-{number}" for number in range(len(facts))]
    for cut, tenant in enumerate(tenants):
        before = filling.head
        await filling.add(*(replace(fact, tenant=tenant) for fact in facts))
        await follow(app, *([before + cut] if cut else []))
        (row,) = await rows_of(app, "orders", tenant)
        assert {column: row[column] for column in wanted} == wanted


async def test_the_services_own_events_have_no_order(app: Connection, filling: Filling) -> None:
    await filling.add(Fact(None, "history.hold.placed", metadata={"actor_id": "admin"}))
    await follow(app)
    assert await rows_of(app, "orders") == []
    (row,) = await rows_of(app, "order_events")
    assert (row["order_id"], row["type"], row["actor_id"]) == (None, "history.hold.placed", "admin")


async def test_orders_of_two_tenants_with_one_name(app: Connection, filling: Filling) -> None:
    await filling.add(
        Fact("o1", "order.created", {"number": "mine"}),
        Fact("o1", "order.created", {"number": "theirs"}, tenant="other"),
    )
    await follow(app)
    assert [row["number"] for row in await rows_of(app, "orders")] == ["mine"]
    assert [row["number"] for row in await rows_of(app, "orders", "other")] == ["theirs"]


def folded(stored: list[tuple[Any, ...]]) -> dict[str, dict[str, Any]]:
    """What the orders' rows should say: the slow way, each order folded whole."""
    wanted = {}
    for order_id in ("o1", "o2"):
        own = [row for row in stored if b'"order_id":"%s"' % order_id.encode() in row[11]]
        if not own:
            continue
        past = [past_event(row[5], row[2], row[8], row[11]) for row in own]
        fold = fold_all(order_id, past)
        state = fold.state
        texts = {
            name: state[name] if isinstance(state[name], str) and len(state[name]) <= 200 else None
            for name in ("number", "status", "channel", "currency", "customer_id")
        }
        wanted[order_id] = texts | {
            "total_minor": state["total_minor"] if type(state["total_minor"]) is int else None,
            "on_hold": state["on_hold"],
            "skus": skus_of(state["items"]),
            "created_us": past[0].occurred_us,
            "first_us": parse_us(state["first_occurred_at"]),
            "last_us": parse_us(state["last_occurred_at"]),
            "last_sequence": past[-1].sequence,
            "event_count": state["event_count"],
            "awaits_original": bool(fold.waiting),
        }
    return wanted


_tenants = iter(range(1_000_000))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(facts=histories(), cuts=st.sets(st.integers(1, 14), max_size=6))
async def test_rows_are_the_fold_whatever_arrives_when(
    app: Connection, filling: Filling, facts: list[Fact], cuts: set[int]
) -> None:
    tenant = f"t{next(_tenants)}"
    before = filling.head
    await filling.add(*(replace(fact, tenant=tenant) for fact in facts))
    await follow(app, *sorted(before + cut for cut in cuts if cut <= len(facts)))

    rows = {row["order_id"]: row for row in await rows_of(app, "orders", tenant)}
    wanted = folded(filling.rows[before:])
    assert {name: {k: row[k] for k in wanted[name]} for name, row in rows.items()} == wanted
    assert [
        (row["sequence"], row["order_id"], row["type"], row["actor_id"])
        for row in await rows_of(app, "order_events", tenant)
    ] == [
        (number, fact.order_id, fact.type, (fact.metadata or {}).get("actor_id"))
        for number, fact in enumerate(facts, 1)
    ]
    acts = [fact for fact in facts if fact.metadata == {"actor_id": "u1"}]
    actors = {row["actor_id"]: row for row in await rows_of(app, "actors", tenant)}
    assert len(acts) == (actors["u1"]["events"] if acts else 0)


def test_a_row_has_the_columns_of_its_table() -> None:
    assert set(OrderRow.__struct_fields__) == {column.name for column in orders.columns}
