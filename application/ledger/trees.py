"""The hashes that proofs consist of, read from a log's tiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256

from application.ledger.ports import LedgerDamaged, LedgerReader, SignedHead
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import Malformed
from domain.ledger.merkle import HASH, Node, consistency_path, covering, fold, inclusion_path
from domain.ledger.notes import SignedNote
from domain.ledger.tiles import HEIGHT, WIDTH, Tile, edge_of, edge_root, tile_of

Edge = Mapping[Tile, bytes]


class Trees:
    """The trees of checkpoints. Kept of them are the right edges of the newest, of 32 KB at most
    each: most proofs are about these."""

    def __init__(self, reader: LedgerReader, most: int = 256) -> None:
        self._reader = reader
        self._most = most
        self._edges: dict[bytes, Edge] = {}

    def of(self, signed: SignedHead) -> Tree:
        """Raises LedgerDamaged where the note is none."""
        try:
            root = checkpoint_of(signed.note).root
        except Malformed:
            raise LedgerDamaged from None
        return self.at(signed.tenant_id, signed.size, root)

    def at(self, tenant_id: str, size: int, root: bytes) -> Tree:
        """tenant_id: or GLOBAL. size, root: of a checkpoint, not above the log's newest one."""
        return Tree(self, tenant_id, size, root)

    async def edge(self, tenant_id: str, size: int, root: bytes) -> Edge:
        """The partial tiles of a tree, asked for once: together they give the root, which tells
        that these are the ones, whatever becomes of the tables."""
        edge = self._edges.get(root)
        if edge is None:
            tiles = edge_of(size)
            edge = await self.hashes(tenant_id, tiles)
            if edge_root(size, [edge[tile] for tile in tiles]) == root:
                if len(self._edges) >= self._most:
                    del self._edges[next(iter(self._edges))]
                self._edges[root] = edge
        return edge

    async def hashes(self, tenant_id: str, tiles: Sequence[Tile]) -> Edge:
        """As the reader gives them."""
        return await self._reader.hashes(tenant_id, tiles) if tiles else {}


class Tree:
    """A log at the size of a checkpoint.

    All methods raise Unavailable, LedgerDamaged where signed events are not in the store.
    """

    def __init__(self, trees: Trees, tenant_id: str, size: int, root: bytes) -> None:
        self._trees = trees
        self._tenant_id = tenant_id
        self.size = size
        self._root = root

    async def inclusion(self, index: int) -> list[bytes]:
        """The proof that leaf `index` (from 0) is in it."""
        return (await self.folds(inclusion_path(index, self.size)))[0]

    async def consistency(self, old: int) -> list[bytes]:
        """The proof that it goes on from itself at size `old`."""
        return (await self.folds(consistency_path(old, self.size)))[0]

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
        tiles = await self._hashes(dict.fromkeys(of.values()))
        known = {node: _node_of(node, tile, tiles[tile]) for node, tile in of.items()}
        return [[fold([known[node] for node in nodes]) for nodes in path] for path in paths]

    async def _hashes(self, tiles: Iterable[Tile]) -> Edge:
        whole = [tile for tile in tiles if tile.width == WIDTH]
        edge = await self._trees.edge(self._tenant_id, self.size, self._root)
        return {**edge, **await self._trees.hashes(self._tenant_id, whole)}


@lru_cache(maxsize=64)  # the newest one is in every answer
def checkpoint_of(note: str) -> Checkpoint:
    """What a note signs; its signatures are not looked at. Raises Malformed."""
    return Checkpoint.parse(SignedNote.parse(note).text)


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
