"""The hashes that proofs consist of, read from a log's tiles in one question."""

from __future__ import annotations

from collections.abc import Sequence

from application.ledger.ports import LedgerReader
from domain.ledger.merkle import Node, consistency_path, covering, fold, inclusion_path, tree_root
from domain.ledger.tiles import node_in_tile, tile_of


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
        known = {node: node_in_tile(node, tile, found[tile]) for node, tile in of.items()}
        return [[fold([known[node] for node in nodes]) for nodes in path] for path in paths]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The proof that a leaf is in the tree over these leaf hashes."""
    return [
        fold([tree_root(leaves[at << level : (at + 1) << level]) for level, at in nodes])
        for nodes in inclusion_path(index, len(leaves))
    ]
