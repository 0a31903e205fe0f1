"""Brings the orders read model up to date, without a hub."""

from __future__ import annotations

from projections.progress import register
from projections.read_model import apply_once
from projections.reading import Connection, read_batch
from tests.projections.indexing import orders_model


async def project(app: Connection) -> None:
    await register(app, ["orders"])
    (place,) = await (await app.execute("select position from tracking")).fetchone() or (0,)
    while (batch := await read_batch(app, place)).end > place:
        await apply_once(app, orders_model(), batch)
        place = batch.end
