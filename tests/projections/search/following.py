"""A database whose events the orders read model has followed to their end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from infrastructure.postgres.connect import Pool, connect_one, open_pool
from projections.orders.model import OrdersModel
from projections.progress import register
from projections.read_model import apply_once
from projections.reading import read_batch
from tests.projections.conftest import CELL
from tests.projections.filling import Fact, Filling


@asynccontextmanager
async def followed(url: str, model: OrdersModel, facts: Iterable[Fact]) -> AsyncIterator[Pool]:
    """Record these events, let the model follow them, and yield readers."""
    async with await connect_one(url, CELL, name="test") as app:
        await Filling(app).add(*facts)
        await register(app, [model.name])
        place = 0
        while (batch := await read_batch(app, place)).end > place:
            await apply_once(app, model, batch)
            place = batch.end
    async with await open_pool(url, CELL, min=1, max=2, name="test pool") as pool:
        yield pool
