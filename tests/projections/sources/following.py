"""Brings the sources read model up to date, and reads what it holds."""

from __future__ import annotations

from typing import Any

from projections.progress import register
from projections.read_model import apply_once
from projections.reading import Connection, read_batch
from projections.sources.model import SourcesModel
from tests.projections.filling import Fact

MODEL = SourcesModel()


def numbered(number: object, source: str = "shop", tenant: str = "acme") -> Fact:
    """An event to which its source has given a number."""
    metadata = {} if number is None else {"source_sequence": number}
    return Fact("o", source=source, tenant=tenant, metadata=metadata)


async def follow(connection: Connection, cut: int = 1000) -> None:
    """Apply all that is to come, so many events at a time."""
    await register(connection, [MODEL.name])
    cursor = await connection.execute("select position from tracking where model = 'sources'")
    (place,) = await cursor.fetchone() or (0,)
    while (batch := await read_batch(connection, place, events=cut)).end > place:
        await apply_once(connection, MODEL, batch)
        place = batch.end


async def ranges_in(connection: Connection) -> list[tuple[Any, ...]]:
    """(tenant, source, low, high) of all that has come."""
    cursor = await connection.execute(
        "select tenant_id, source, low, high from source_ranges order by 1, 2, 3"
    )
    return await cursor.fetchall()
