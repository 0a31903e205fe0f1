"""The Merkle tree cut into tiles (C2SP tlog-tiles), and the entries beside them.

A tile of level L holds up to 256 hashes, each over 256**L leaves: it is the lower edge of a subtree
of height 8, whose upper nodes are computed from it. A full tile never changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from domain.ledger.faults import Malformed
from domain.ledger.merkle import HASH, Frontier, Node

HEIGHT = 8
WIDTH = 1 << HEIGHT
"""Hashes of a full tile, entries of a full bundle."""

_MAX_LEVEL = 63
_INDEX = re.compile(r"(?:x\d{3}/){0,6}\d{3}", re.ASCII)  # no tree has more than 64 bits of tiles
_NUMBER = re.compile(r"0|[1-9]\d{0,2}", re.ASCII)
_LENGTH = HASH.to_bytes(2, "big")
_STRIDE = len(_LENGTH) + HASH


@dataclass(frozen=True, slots=True)
class Tile:
    """The first `width` hashes of the tile number `index` (from 0) of a level."""

    level: int
    index: int
    width: int = WIDTH

    def path(self) -> str:
        """Where it is served, below the log's address: `tile/0/x001/234`, `tile/0/x001/234.p/5`."""
        return f"tile/{self.level}/{_place(self.index, self.width)}"

    @classmethod
    def parse(cls, path: str) -> Tile:
        """The tile of a path. Raises Malformed for any path that `path` does not give."""
        what, _, place = path.removeprefix("tile/").partition("/")
        if not path.startswith("tile/") or not _NUMBER.fullmatch(what) or int(what) > _MAX_LEVEL:
            raise Malformed(f"not the path of a tile: {path!r}")
        return cls(int(what), *_parse_place(place, path))


def bundle_path(index: int, width: int = WIDTH) -> str:
    """Where the entries beside a tile of level 0 are served: `tile/entries/x001/234.p/5`."""
    return f"tile/entries/{_place(index, width)}"


def parse_bundle_path(path: str) -> tuple[int, int]:
    """(index, width) of the entries at a path. Raises Malformed for any that `bundle_path` does
    not give."""
    if not path.startswith("tile/entries/"):
        raise Malformed(f"not the path of a bundle of entries: {path!r}")
    return _parse_place(path.removeprefix("tile/entries/"), path)


def full(level: int, size: int) -> int:
    """How many full tiles of a level a tree of `size` has."""
    return size >> (HEIGHT * (level + 1))


def tiles_of(size: int) -> Iterator[Tile]:
    """All tiles of a tree, the partial ones too, from level 0 up, each level from the left."""
    level = 0
    while hashes := size >> (HEIGHT * level):
        whole, rest = divmod(hashes, WIDTH)
        for index in range(whole):
            yield Tile(level, index)
        if rest:
            yield Tile(level, whole, rest)
        level += 1


def edge_of(size: int) -> list[Tile]:
    """The partial tiles of a tree, from level 0 up: all that its root needs."""
    counts = [size >> (HEIGHT * level) for level in range(-(-size.bit_length() // HEIGHT))]
    parts = [(level, *divmod(count, WIDTH)) for level, count in enumerate(counts)]
    return [Tile(level, index, width) for level, index, width in parts if width]


def edge_root(size: int, hashes: Sequence[bytes]) -> bytes:
    """The root of a tree, of the hashes of `edge_of(size)`. Raises ValueError where they are not as
    many as these tiles are wide."""
    peaks: list[bytes] = []
    for of_tile in reversed(hashes):
        row = Frontier()
        row.extend(of_tile[at : at + HASH] for at in range(0, len(of_tile), HASH))
        peaks += row.peaks
    return Frontier(size, peaks).root()


def tile_of(node: Node, size: int) -> Tile:
    """The tile, as wide as it is in a tree of `size`, of which a complete node is computed.

    Raises ValueError where the tree has no such node.
    """
    level, index = node
    if level < 0 or index < 0 or (index + 1) << level > size:
        raise ValueError(f"a tree of size {size} has no complete node {index} of level {level}")
    row, above = divmod(level, HEIGHT)
    place = (index << above) >> HEIGHT
    return Tile(row, place, min(WIDTH, (size >> (HEIGHT * row)) - place * WIDTH))


def node_in_tile(node: Node, tile: Tile, hashes: bytes) -> bytes:
    """The hash of a complete node, computed of a tile's hashes.

    Raises ValueError where the tile does not hold it, Malformed where the hashes are not as many as
    it is wide.
    """
    level, index = node
    row, above = divmod(level, HEIGHT)
    first = (index << above) - tile.index * WIDTH
    last = first + (1 << above)
    if row != tile.level or not 0 <= first < last <= tile.width:
        raise ValueError(f"{tile.path()} does not hold node {index} of level {level}")
    if len(hashes) != tile.width * HASH:
        raise Malformed(f"{tile.path()} has {len(hashes)} bytes, not {tile.width * HASH}")
    return _root(hashes[first * HASH : last * HASH])


def tile_root(hashes: bytes) -> bytes:
    """The hash of a full tile in the tile above. Raises Malformed where it is not full."""
    if len(hashes) != WIDTH * HASH:
        raise Malformed(f"a full tile has {WIDTH * HASH} bytes, not {len(hashes)}")
    return _root(hashes)


def encode_entries(entries: Iterable[bytes]) -> bytes:
    """A bundle of entries, of 32 bytes each: each after its length, two bytes big-endian."""
    parts: list[bytes] = []
    for one in entries:
        if len(one) != HASH:
            raise ValueError(f"an entry has {HASH} bytes, not {len(one)}")
        parts += (_LENGTH, one)
    return b"".join(parts)


def decode_entries(data: bytes) -> list[bytes]:
    """The entries of a bundle. Raises Malformed where they are not of 32 bytes each."""
    entries = []
    for at in range(0, len(data), _STRIDE):
        one = data[at + len(_LENGTH) : at + _STRIDE]
        if not data.startswith(_LENGTH, at) or len(one) != HASH:
            raise Malformed(f"entry {at // _STRIDE + 1} of the bundle, at byte {at}, is not whole")
        entries.append(one)
    return entries


def _root(hashes: bytes) -> bytes:
    """The root over a power of two of hashes: level by level, two at a time as they lie."""
    while len(hashes) > HASH:
        hashes = b"".join(
            [
                sha256(b"\x01" + hashes[at : at + 2 * HASH]).digest()
                for at in range(0, len(hashes), 2 * HASH)
            ]
        )
    return hashes


def _place(index: int, width: int) -> str:
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    return "/".join(reversed(groups)) + ("" if width == WIDTH else f".p/{width}")


def _parse_place(place: str, path: str) -> tuple[int, int]:
    number, partial, wide = place.partition(".p/")
    if not _INDEX.fullmatch(number) or number.startswith("x000/"):
        raise Malformed(f"no number of a tile in the path {path!r}")
    if partial and not (_NUMBER.fullmatch(wide) and 0 < int(wide) < WIDTH):
        raise Malformed(f"no width of 1 to {WIDTH - 1} in the path {path!r}")
    return int(number.replace("x", "").replace("/", "")), int(wide) if partial else WIDTH
