"""The hashes that proofs consist of, read from a log's tiles in one question."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

from application.ledger.ports import LedgerReader
from domain.ledger.merkle import HASH, Node, consistency_path, covering, fold, inclusion_path
from domain.ledger.tiles import HEIGHT, Tile, tile_of


class Tree:
    """A log at one size, not above that of its newest checkpoint.

    All methods raise Unavailable, LedgerDamaged where signed events are not in the store.
    """

    def __init__(self, reader: LedgerReader, tenant_id: str, size: int) -> None:
        """tenant_id: or GLOBAL."""
        self._reader = reader
        self._tenant_id = tenant_id
        self.size = size

    async def inclusion(self, index: int) -> list[bytes]:
        """The proof that leaf `index` (from 0) is in it."""
        return (await self.folds(inclusion_path(index, self.size)))[0]

    async def range(
        self, first: int, last: int, since: int | None
    ) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """Left and right of the sequences first..last, the roots of the largest complete subtrees,
        in tree order; and the proof of consistency with the size `since`."""
        left = [[node] for node in covering(0, first - 1)]
        right = [[node] for node in covering(last, self.size)]
        older = [] if since is None else consistency_path(since, self.size)
        found = await self.folds(left, right, older)
        return found[0], found[1], found[2]

    async def folds(self, *paths: Sequence[Sequence[Node]]) -> list[list[bytes]]:
        """For each path the folds of its nodes."""
        of = {node: tile_of(node, self.size) for path in paths for nodes in path for node in nodes}
        tiles = list(dict.fromkeys(of.values()))
        found = await self._reader.hashes(self._tenant_id, tiles) if tiles else {}
        known = {node: _node_of(node, tile, found[tile]) for node, tile in of.items()}
        return [[fold([known[node] for node in nodes]) for nodes in path] for path in paths]


def inclusion_proof(leaves: bytes, index: int) -> list[bytes]:
    """The proof that a leaf is in the tree over these leaf hashes, of 32 bytes each."""
    rows = _rows_of_round(leaves)
    return [
        fold([_hash(rows[level], at) for level, at in nodes])
        for nodes in inclusion_path(index, len(leaves) // HASH)
    ]


def _node_of(node: Node, tile: Tile, hashes: bytes) -> bytes:
    above = node[0] - tile.level * HEIGHT
    return _hash(_rows_of_tile(hashes)[above], node[1] - (tile.index << (HEIGHT - above)))


def _rows(hashes: bytes) -> Sequence[bytes]:
    """All complete nodes over hashes, level by level from these up."""
    rows = [hashes]
    while len(hashes) >= 2 * HASH:
        pairs = range(0, len(hashes) - HASH, 2 * HASH)
        hashes = b"".join([sha256(b"\x01" + hashes[at : at + 2 * HASH]).digest() for at in pairs])
        rows.append(hashes)
    return rows


# Tiles of the upper levels are in every proof, the heads of the newest round in many: of 10,000
# tenants these are 320 KB.
_rows_of_tile = lru_cache(maxsize=256)(_rows)
_rows_of_round = lru_cache(maxsize=2)(_rows)


def _hash(row: bytes, at: int) -> bytes:
    return row[at * HASH : (at + 1) * HASH]
