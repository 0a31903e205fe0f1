"""The right edge of a growing tree in rows of tiles, which tells of each tile as it fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from domain.ledger.merkle import HASH, Frontier
from domain.ledger.tiles import HEIGHT, WIDTH, tile_root


@dataclass(frozen=True, slots=True)
class FullTile:
    """What the leaves make of a tile. hashes: None where the edge was begun within the tile."""

    level: int
    index: int
    root: bytes
    hashes: bytes | None

    @property
    def first(self) -> int:
        """The sequence of the first event below it."""
        return (self.index << HEIGHT * (self.level + 1)) + 1

    @property
    def last(self) -> int:
        """The sequence of the last event below it."""
        return (self.index + 1) << HEIGHT * (self.level + 1)

    def holds(self, hashes: bytes, root: bytes) -> bool:
        """Whether these are the hashes of the tile, and this is the root over them."""
        if self.hashes is not None:
            return root == self.root and hashes == self.hashes
        return root == self.root and len(hashes) == WIDTH * HASH and tile_root(hashes) == root


class _Row:
    """The tile of one level that is not full yet.

    begun: how many of its hashes are not known here; seen: those behind them. The frontier has
    what there was when it was last asked for: a tile that is seen whole needs none.
    """

    __slots__ = ("_frontier", "begun", "seen")

    def __init__(self, frontier: Frontier) -> None:
        self._frontier = frontier
        self.begun = frontier.size
        self.seen: list[bytes] = []

    @property
    def size(self) -> int:
        return self.begun + len(self.seen)

    def frontier(self) -> Frontier:
        """Over all hashes so far."""
        self._frontier.extend(self.seen[self._frontier.size - self.begun :])
        return self._frontier

    def root(self) -> bytes:
        """Of the tile, now that it is full."""
        return self.frontier().root() if self._frontier.size else _root(self.seen)


class TreeEdge:
    """Grows as a `Frontier` does, from any size on.

    Each level of tiles has a frontier of its own, over less than 256 hashes: together they are that
    of the tree.
    """

    def __init__(self, frontier: Frontier) -> None:
        """frontier: of the tree so far; it is not changed."""
        self.size = frontier.size
        peaks = frontier.peaks
        self._rows: list[_Row] = []
        for level in range(max(1, -(-self.size.bit_length() // HEIGHT))):
            count = (self.size >> HEIGHT * level) % WIDTH
            end = len(peaks) - count.bit_count()
            self._rows.append(_Row(Frontier(count, peaks[end:])))
            peaks = peaks[:end]

    def extend(self, leaves: Sequence[bytes]) -> list[FullTile]:
        """Add leaf hashes, in order; returns the tiles that they filled."""
        filled: list[FullTile] = []
        start = 0
        while start < len(leaves):
            row = self._rows[0]
            part = leaves[start : start + WIDTH - row.size]
            row.seen += part
            start += len(part)
            self.size += len(part)
            if row.size == WIDTH:
                self._fill(0, filled)
        return filled

    def frontier(self) -> Frontier:
        """The frontier of the whole tree."""
        peaks = [peak for row in reversed(self._rows) for peak in row.frontier().peaks]
        return Frontier(self.size, peaks)

    def root(self) -> bytes:
        """The Merkle root of the tree."""
        return self.frontier().root()

    def _fill(self, level: int, filled: list[FullTile]) -> None:
        """The row is a whole tile: its root goes into the tile above."""
        row, root = self._rows[level], self._rows[level].root()
        index = (self.size >> HEIGHT * (level + 1)) - 1
        hashes = None if row.begun else b"".join(row.seen)
        filled.append(FullTile(level, index, root, hashes))
        self._rows[level] = _Row(Frontier())
        if level + 1 == len(self._rows):
            self._rows.append(_Row(Frontier()))
        above = self._rows[level + 1]
        above.seen.append(root)
        if above.size == WIDTH:
            self._fill(level + 1, filled)


def _root(hashes: Sequence[bytes]) -> bytes:
    """Of a whole tile, level by level: three quarters of the time that a frontier takes."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return hashes[0]
