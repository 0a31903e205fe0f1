"""Ledgers of many events that cost little to make, and what their tiles must be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import tree_root
from domain.ledger.tiles import WIDTH, Tile, tiles_of
from infrastructure.ledger.signing import Signing
from infrastructure.ledger.signing_keys import FileLogKeys
from infrastructure.postgres.connect import address
from projections.ledger.model import LedgerModel
from projections.progress import register
from projections.read_model import apply_once
from projections.reading import Connection, read_batch
from tests.projections.filling import START_US, Fact, Filling

MODEL = LedgerModel()
CELL = "cell_0"
Rows = list[tuple[Any, ...]]


async def record(filling: Filling, counts: dict[str, int]) -> dict[str, list[bytes]]:
    """So many more events of each tenant, taking turns; the entries of them all, by tenant."""
    turns = [
        tenant
        for number in range(max(counts.values()))
        for tenant, count in counts.items()
        if number < count
    ]
    await filling.add(*(Fact(f"{tenant}-order", tenant=tenant) for tenant in turns))
    return entries_of(filling)


def entries_of(filling: Filling) -> dict[str, list[bytes]]:
    entries: dict[str, list[bytes]] = {}
    for row in filling.rows:
        entries.setdefault(row[4], []).append(row[9])
    return entries


async def follow(connection: Connection, cut: int = 1000, model: LedgerModel = MODEL) -> None:
    """Apply all that is to come, so many events at a time."""
    await register(connection, [model.name])
    cursor = await connection.execute("select position from tracking where model = 'ledger'")
    (place,) = await cursor.fetchone() or (0,)
    while (batch := await read_batch(connection, place, events=cut)).end > place:
        await apply_once(connection, model, batch)
        place = batch.end


async def tiles_in(connection: Connection) -> Rows:
    cursor = await connection.execute(
        "select tenant_id, level, tile, hashes, root from ledger_tiles order by 1, 2, 3"
    )
    return await cursor.fetchall()


def tiles_over(entries: dict[str, list[bytes]]) -> Rows:
    """All full tiles by the definition: a hash of level L is the root over its 256**L leaves."""
    return sorted(
        (tenant, level, tile, b"".join(hashes), tree_root(hashes))
        for tenant, own in entries.items()
        for level, tile, hashes in _full([leaf_hash(entry) for entry in own])
    )


def _full(leaves: Sequence[bytes]) -> Iterator[tuple[int, int, list[bytes]]]:
    level, hashes = 0, list(leaves)
    while hashes:
        whole = [hashes[at : at + WIDTH] for at in range(0, len(hashes) - WIDTH + 1, WIDTH)]
        yield from ((level, tile, found) for tile, found in enumerate(whole))
        span = WIDTH ** (level + 1)
        hashes = [tree_root(leaves[at * span : (at + 1) * span]) for at in range(len(whole))]
        level += 1


def tiles_of_tree(entries: Sequence[bytes], size: int) -> dict[Tile, bytes]:
    """All tiles of a tree of this size, the partial ones too, by the definition."""
    leaves = [leaf_hash(entry) for entry in entries[:size]]
    tiles = {}
    for tile in tiles_of(size):
        span = WIDTH**tile.level
        first = tile.index * WIDTH
        tiles[tile] = b"".join(
            tree_root(leaves[at * span : (at + 1) * span])
            for at in range(first, first + tile.width)
        )
    return tiles


class Signatures:
    """Signs what is recorded, as the worker's signer does, at once."""

    def __init__(self, database_url: str, directory: Path) -> None:
        self.keys = FileLogKeys(directory, lambda: START_US)
        self._target = address(database_url, CELL, name="test signer")

    async def sign(self) -> None:
        await asyncio.to_thread(self._sign)

    def _sign(self) -> None:
        with psycopg.connect(self._target, autocommit=True) as connection:
            signing = Signing(connection, self.keys, lambda: START_US)
            while signing.turn().signed is not None:
                pass
