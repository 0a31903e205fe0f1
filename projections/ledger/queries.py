"""What proofs are made of: the newest checkpoints, and the hashes below them.

Full tiles come from the read model. What a tree of some size has beside them is derived: level 0
from the events themselves, a higher level from the roots of the full tiles below it.
All methods raise Unavailable while the database is away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from application.ledger.ports import (
    GLOBAL,
    Anchoring,
    LedgerDamaged,
    Round,
    SignedHead,
    StoredEvent,
)
from domain.ledger.hashing import GENESIS, entry
from domain.ledger.merkle import HASH
from domain.ledger.recompute import LedgerRow
from domain.ledger.tiles import WIDTH, Tile, tile_root
from domain.privacy.disclosing import (
    COVERING,
    ERASED,
    PSEUDONYMISED,
    REIDENTIFIED,
    erased_pointers,
    erases_order,
    replaced_pointers,
)
from infrastructure.postgres.arrays import BigintColumn, IntColumn
from infrastructure.postgres.connect import Pool, store_errors
from infrastructure.postgres.wire import Answer, Part
from projections.ledger import statements as sql
from projections.ledger.model import leaves


class LedgerQueries:
    """Implements `application.ledger.ports.LedgerReader`, and EventStates of the exports, on a pool
    of connections of one cell.

    witnessed: there is a witness policy; without one every checkpoint is trusted.
    """

    def __init__(self, pool: Pool, *, witnessed: bool) -> None:
        self._pool = pool
        self._trusted = sql.TRUSTED if witnessed else sql.NEWEST
        self._trusted_rounds = sql.TRUSTED_ROUNDS if witnessed else sql.ROUNDS

    async def newest(self, tenant_id: str, *, trusted: bool) -> SignedHead | None:
        rows = await self._rows(self._trusted if trusted else sql.NEWEST, tenant_id)
        return _head(tenant_id, rows[0]) if rows else None

    async def hashes(self, tenant_id: str, tiles: Sequence[Tile]) -> Mapping[Tile, bytes]:
        """Raises LedgerDamaged where signed events are missing."""
        found = await self._found(tenant_id, tiles)
        for tile in tiles:
            if tile not in found:
                found[tile] = await self._derived(tenant_id, tile)
        return found

    async def entries(self, tenant_id: str, first: int, last: int) -> list[bytes]:
        """Raises LedgerDamaged where one is missing."""
        log = _log(tenant_id)
        rows = await self._rows(log.entries, tenant_id, first - 1, last)
        found: bytes = rows[0][0] or b""
        if len(found) != (last - first + 1) * HASH:
            raise LedgerDamaged
        return [found[at : at + HASH] for at in range(0, len(found), HASH)]

    async def states(self, tenant_id: str, after: int, last: int) -> list[bytes]:
        """Raises LedgerDamaged where one is missing."""
        rows = await self._rows(sql.STATES, tenant_id, after, last)
        if len(rows) != last - after:
            raise LedgerDamaged
        return [row[0] for row in rows]

    async def anchoring(self, head: SignedHead) -> Anchoring | None:
        with store_errors():
            async with self._pool.wire() as wire:
                part = wire.part()
                whole = part.run(self._trusted, GLOBAL)
                place = part.run(sql.PLACE, head.tenant_id, head.epoch)
                rounds = part.run(self._trusted_rounds, head.round, GLOBAL, head.epoch)
                await part.done()
        if not whole.rows() or not place.rows():
            return None
        kept = [Round(*row) for row in rounds.rows()]
        return Anchoring(_head(GLOBAL, whole.rows()[0]), place.rows()[0][0], kept)

    async def event(self, tenant_id: str, wanted: str | int) -> StoredEvent | None:
        by_id = isinstance(wanted, str)
        with store_errors():
            async with self._pool.wire() as wire:
                part = wire.part()
                statement = sql.EVENT_BY_ID if by_id else sql.EVENT_BY_SEQUENCE
                found = part.run(statement, tenant_id, wanted)
                newest = part.run(self._trusted, tenant_id)
                await part.done()
        if not found.rows():
            return None
        *columns, before = found.rows()[0]
        row = LedgerRow(*columns)
        trusted = [_head(tenant_id, one) for one in newest.rows()]
        before = GENESIS if row.sequence == 1 else before
        return StoredEvent(row, before, trusted[0] if trusted else None)

    async def erased(self, tenant_id: str, sequence: int) -> frozenset[str]:
        told = await self._telling(tenant_id, sequence, *COVERING)
        return frozenset().union(*(erased_pointers(state, sequence) for state in told))

    async def replaced(self, tenant_id: str, sequence: int) -> frozenset[str]:
        told = await self._telling(tenant_id, sequence, PSEUDONYMISED, REIDENTIFIED)
        return replaced_pointers(told, sequence)

    async def _telling(self, tenant_id: str, sequence: int, *types: str) -> list[bytes]:
        """The later events of these types that name this one, in their order. One whose bytes were
        changed tells nothing."""
        needle = b'"sequence":%d' % sequence  # or a longer number: the bytes themselves tell
        with store_errors():
            async with self._pool.wire() as wire:
                part = wire.part()
                answers = [
                    part.run(sql.TELLING, tenant_id, sequence, kind, needle) for kind in types
                ]
                await part.done()
        rows = sorted(row for answer in answers for row in answer.rows())
        return [state for _, digest, state in rows if entry(state) == digest]

    async def order_erased(self, tenant_id: str, order_id: str) -> bool:
        needle = msgspec.json.encode(order_id)
        rows = await self._rows(sql.ORDER_ERASURES, tenant_id, ERASED, needle)
        told = (state for digest, state in rows if entry(state) == digest)
        return any(erases_order(state, order_id) for state in told)

    async def _found(self, tenant_id: str, tiles: Sequence[Tile]) -> dict[Tile, bytes]:
        """Those that one trip gives."""
        log = _log(tenant_id)
        whole = [tile for tile in tiles if tile.width == WIDTH]
        with store_errors():
            async with self._pool.wire() as wire:
                part = wire.part()
                full = _ask_full(part, log, tenant_id, whole) if whole else None
                partial = {
                    tile: _ask_partial(part, log, tenant_id, tile)
                    for tile in tiles
                    if tile.width < WIDTH
                }
                await part.done()
        rows = full.rows() if full else []
        found = {Tile(level, tile): hashes for level, tile, hashes in rows if _whole(hashes)}
        for tile, answer in partial.items():
            below = answer.rows()[0][0] or b""
            if len(below) == tile.width * HASH:
                found[tile] = below if tile.level else leaves(below)
        return found

    async def _derived(self, tenant_id: str, tile: Tile) -> bytes:
        """A tile for which the read model has not all that it needs (yet)."""
        first = tile.index * WIDTH
        if tile.level == 0:
            return leaves(b"".join(await self.entries(tenant_id, first + 1, first + tile.width)))
        below = [Tile(tile.level - 1, first + at) for at in range(tile.width)]
        hashes = await self.hashes(tenant_id, below)
        return b"".join(tile_root(hashes[one]) for one in below)

    async def _rows(self, statement: str, *parameters: str | int | bytes) -> list[tuple[Any, ...]]:
        with store_errors():
            async with self._pool.wire() as wire:
                part = wire.part()
                answer = part.run(statement, *parameters)
                await part.done()
        return answer.rows()


def _head(tenant_id: str, row: Sequence[Any]) -> SignedHead:
    epoch, size, note, number, signed_us, cosignatures = row
    return SignedHead(tenant_id, epoch, size, note + (cosignatures or ""), number, signed_us)


def _log(tenant_id: str) -> sql.Log:
    return sql.OF_ALL if tenant_id == GLOBAL else sql.OF_TENANT


def _whole(hashes: bytes) -> bool:
    return len(hashes) == WIDTH * HASH


def _ask_full(part: Part, log: sql.Log, tenant_id: str, tiles: Iterable[Tile]) -> Answer:
    levels, numbers = zip(*((tile.level, tile.index) for tile in tiles), strict=True)
    return part.run(log.tiles, IntColumn(levels), BigintColumn(numbers), tenant_id)


def _ask_partial(part: Part, log: sql.Log, tenant_id: str, tile: Tile) -> Answer:
    first = tile.index * WIDTH
    if tile.level == 0:
        return part.run(log.entries, tenant_id, first, first + tile.width)
    return part.run(log.roots, tenant_id, tile.level - 1, first, first + tile.width)
