"""The orders read model equals the fold, however events arrive and are cut into batches."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from projections.orders.model import OrdersModel
from projections.progress import register
from projections.read_model import apply_once
from projections.reading import read_batch
from tests.projections.filling import START_US, Fact, Filling

Connection = AsyncConnection[Any]
pytestmark = pytest.mark.anyio
MODEL = OrdersModel()


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


async def rows(connection: Connection, table: str) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(f"select * from {table} order by 1, 2")).fetchall()


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
    assert await rows(app, "orders") == [
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
    assert await rows(app, "actors") == [
        {
            "tenant_id": "acme",
            "actor_id": "u",
            "actor_type": "user",
            "events": 2,
            "first_us": START_US,
            "last_us": START_US + 10_000_000,
        }
    ]
