"""A shop's busy events, and the orders read model that follows events, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from infrastructure.postgres.connect import Pool, connect_one, open_pool
from projections.orders.model import OrdersModel
from projections.progress import register
from projections.read_model import ReadModel, apply_once
from projections.reading import Connection, read_batch
from tests.projections.conftest import CELL
from tests.projections.filling import Fact, Filling
from tests.projections.worlds import world

HOUR = 3600


async def follow(connection: Connection, model: ReadModel, *ends: int) -> None:
    """Apply all events, cut behind the given positions."""
    await register(connection, [model.name])
    row = await (await connection.execute("select position from tracking")).fetchone()
    place: int = (row or (0,))[0]
    for end in (*ends, None):
        while (batch := await read_batch(connection, place, up_to=end)).end > place:
            await apply_once(connection, model, batch)
            place = batch.end


async def rows(connection: Connection, query: str) -> list[Any]:
    return await (await connection.execute(query.encode())).fetchall()


@asynccontextmanager
async def followed(url: str, model: OrdersModel, facts: Iterable[Fact]) -> AsyncIterator[Pool]:
    """Record these events, let the model follow them, and yield readers."""
    async with await connect_one(url, CELL, name="test") as app:
        await Filling(app).add(*facts)
        await follow(app, model)
    async with await open_pool(url, CELL, min=1, max=2, name="test pool") as pool:
        yield pool


def busy(orders: int, seed: int) -> list[Fact]:
    """A shop's events with payments in two currencies and refunds, among them late ones."""
    random = Random(seed)
    facts = world(orders, seed)
    for number in range(orders):
        payload = {
            "payment_id": f"PAY-{random.randrange(orders)}",
            "amount_minor": random.choice([100, 250, -5, None, "12", 1.5]),
            "currency": random.choice(["EUR", "USD", None]),
            "gateway": random.choice(["stripe", "adyen"]),
            "memo": f"paid by card {number % 7}",
        }
        kind = random.choice(["order.payment.captured", "order.refund.succeeded"])
        at = random.randrange(5 * HOUR)
        fact = Fact(f"ord-{number}", kind, payload, at, metadata={"correlation_id": f"c{number}"})
        facts.insert(random.randrange(len(facts) + 1), fact)
    return facts
