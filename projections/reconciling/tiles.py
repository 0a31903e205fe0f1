"""Holding the tiles of a tenant's log against the entries that they are made of.

A missing tile is made again. One that differs is left as it is: whether the tile or the events were
changed is for who holds them against signed checkpoints to say, and the tile may be the witness.
"""

from __future__ import annotations

from application.maintenance.ports import Finding, What
from domain.ledger.merkle import HASH
from domain.ledger.tiles import WIDTH, tile_root
from projections.ledger.model import LedgerModel, leaves
from projections.reading import Connection
from projections.reconciling.source import Part

NAME = LedgerModel.name
TABLE = "ledger_tiles"

ENTRIES = """
select string_agg(entry, ''::bytea order by sequence) from events
 where tenant_id = %s and sequence > %s and sequence <= %s
"""
ROOTS = """
select string_agg(root, ''::bytea order by tile) from ledger_tiles
 where tenant_id = %s and level = %s and tile >= %s and tile < %s
"""
TILE = "select hashes, root from ledger_tiles where tenant_id = %s and level = %s and tile = %s"


async def differing(connection: Connection, tenant_id: str, after: int, last: int) -> list[Finding]:
    """Of the tiles whose last event lies behind `after`, not above `last`."""
    found: list[Finding] = []
    level, width = 0, WIDTH
    while (last // width) > (after // width):
        for tile in range(after // width, last // width):
            expected = await _expected(connection, tenant_id, level, tile)
            cursor = await connection.execute(TILE, (tenant_id, level, tile), binary=True)
            there = await cursor.fetchone()
            if expected is not None and there != expected:
                what: What = "missing" if there is None else "wrong"
                found.append(Finding(NAME, TABLE, what, 1, tile * width + 1))
        level, width = level + 1, width * WIDTH
    return found


async def make(connection: Connection, part: Part) -> None:
    """The tiles that are missing, of events that are as they were recorded, in their order; the
    model standing still."""
    await LedgerModel().apply(connection, part.events)


async def _expected(
    connection: Connection, tenant_id: str, level: int, tile: int
) -> tuple[bytes, bytes] | None:
    """None where there is nothing whole below; the finding is there."""
    first, end = tile * WIDTH, (tile + 1) * WIDTH
    if level == 0:
        cursor = await connection.execute(ENTRIES, (tenant_id, first, end), binary=True)
    else:
        cursor = await connection.execute(ROOTS, (tenant_id, level - 1, first, end), binary=True)
    row = await cursor.fetchone()
    below = row[0] if row else None
    if below is None or len(below) != WIDTH * HASH:
        return None
    hashes = below if level else leaves(below)
    return hashes, tile_root(hashes)


def can_be_made(part: Part) -> bool:
    """Whether its events are as they were recorded."""
    return not (part.altered or part.broken or part.missing)
