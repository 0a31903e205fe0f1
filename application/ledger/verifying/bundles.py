"""A log as a directory: `checkpoint`, `tile/...` (C2SP tlog-tiles), and perhaps `events.ndjson`.

Everything is read once, in the order of sequences, so that the first that fails is the one named.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import NoReturn

from application.ledger.signatures import satisfies
from application.ledger.verifying.files import Lines, lines_of, read_exactly, read_file
from application.ledger.verifying.proofs import open_signed
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.hashing import EMPTY_ROOT, leaf_hash
from domain.ledger.merkle import HASH, consistency_path, covering, fold
from domain.ledger.notes import MAX_NOTE_BYTES, SignedNote, VerifierKey
from domain.ledger.policy import Policy
from domain.ledger.tiles import (
    HEIGHT,
    WIDTH,
    Tile,
    bundle_path,
    node_in_tile,
    parse_bundle_path,
    tile_of,
    tile_root,
)

CHECKPOINT = "checkpoint"
EVENTS = "events.ndjson"

_LENGTH = HASH.to_bytes(2, "big")
_STRIDE = len(_LENGTH) + HASH

# RFC 6962: what a leaf and a node begin with.
_LEAF = sha256(b"\x00")
_NODE = sha256(b"\x01")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BundleHolds:
    """with_events: the events themselves were there, not their entries alone."""

    checkpoint: Checkpoint
    with_events: bool


def verify_bundle(
    directory: Path,
    keys: Sequence[VerifierKey],
    policy: Policy | None = None,
    progress: Progress | None = None,
) -> BundleHolds:
    """That a directory is one log: signed, whole, and nothing else.

    keys, policy: as in `verify_proof`. progress: called with (events done, of all).
    Raises DoesNotHold, with the first sequence that fails; Malformed.
    """
    bundle = Bundle(directory)
    opened = open_signed(bundle.note(), keys)
    if policy is not None and not satisfies(opened, policy):
        raise DoesNotHold("the policy does not accept the checkpoint: not the signatures it asks")
    checkpoint = opened.checkpoint
    with ExitStack() as stack:
        with_events = os.path.lexists(directory / EVENTS)
        events = stack.enter_context(lines_of(directory / EVENTS, EVENTS)) if with_events else None
        root = _Walk(bundle, checkpoint.size, events).root(progress)
    if root != checkpoint.root:
        raise DoesNotHold(f"the tiles do not give the checkpoint's root at size {checkpoint.size}")
    bundle.check_nothing_else(checkpoint.size)
    return BundleHolds(checkpoint, with_events)


def hashes_from_tiles(directory: Path, old: str | bytes, new: str | bytes) -> list[bytes]:
    """The consistency proof between two checkpoints of a log, out of the tiles of a bundle of it.

    Neither notes nor tiles are verified: a proof out of false ones does not hold. Raises
    DoesNotHold where a tile is missing, Malformed.
    """
    bundle = Bundle(directory)
    size = _size(bundle.note(), str(directory / CHECKPOINT))
    first, last = _size(old, "the older checkpoint"), _size(new, "the newer checkpoint")
    if size < last:
        raise Malformed(f"the tiles are of a log of size {size}, too few for {last}")
    proof = []
    for nodes in consistency_path(first, last) if first <= last else []:
        tiles = [tile_of(node, size) for node in nodes]
        each = zip(nodes, tiles, strict=True)
        proof.append(fold([node_in_tile(node, tile, bundle.tile(tile)) for node, tile in each]))
    return proof


def _size(note: str | bytes, what: str) -> int:
    try:
        return Checkpoint.parse(SignedNote.parse(note).text).size
    except Malformed as fault:
        raise Malformed(f"{what}: {fault}") from None


class Bundle:
    """The files of one. Everything is read up to the length that it must have."""

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise Malformed(f"{directory} is not a directory")
        self._directory = directory
        self._below = f"{directory}/"  # joined once: there are two files for 256 events

    def note(self) -> bytes:
        return read_file(self._directory / CHECKPOINT, MAX_NOTE_BYTES, CHECKPOINT)

    def tile(self, tile: Tile) -> bytes:
        first = tile.index * WIDTH << (HEIGHT * tile.level)
        return self._read(tile.path(), tile.width * HASH, first)

    def entries(self, index: int, width: int) -> bytes:
        return self._read(bundle_path(index, width), width * _STRIDE, index * WIDTH)

    def _read(self, path: str, length: int, first: int) -> bytes:
        data = read_exactly(f"{self._below}{path}", length, path)
        if data is None:
            raise DoesNotHold(f"{path} is missing", first + 1)
        return data

    def check_nothing_else(self, size: int) -> None:
        """That there is no file that nothing vouches for. Raises Malformed."""
        for path in self._files():
            if path not in {CHECKPOINT, EVENTS} and not _belongs(path, size):
                raise Malformed(f"{path!r} is no part of a bundle of size {size}; take it away")

    def _files(self) -> Iterator[str]:
        """Everything that is not a directory, by its path below; a link is what it is."""
        unread = [""]
        while unread:
            below = unread.pop()
            with os.scandir(self._directory / below) as found:
                for one in found:
                    path = f"{below}{one.name}"
                    if one.is_dir(follow_symlinks=False):
                        unread.append(f"{path}/")
                    else:
                        yield path


def _belongs(path: str, size: int) -> bool:
    """Whether a log of this size has such a tile, or entries."""
    try:
        if path.startswith("tile/entries/"):
            tile = Tile(0, *parse_bundle_path(path))
        else:
            tile = Tile.parse(path)
    except Malformed:
        return False
    return tile.width == _width(tile.level, tile.index, size)


def _width(level: int, index: int, size: int) -> int:
    """How wide a tile is in a tree of this size; zero or less where it has none."""
    return min(WIDTH, (size >> (HEIGHT * level)) - index * WIDTH)


class _Walk:
    """Through all leaves from the first, with the tile above each held against what is below."""

    def __init__(self, bundle: Bundle, size: int, events: Lines | None) -> None:
        self._bundle = bundle
        self._size = size
        self._events = None if events is None else iter(events)
        self._ended = events is None or events.ended
        self._tiles: list[bytes] = []  # by level: the one that is being filled

    def root(self, progress: Progress | None) -> bytes:
        """The root of the tiles, once everything below it holds."""
        for index in range((self._size + WIDTH - 1) // WIDTH):
            width = _width(0, index, self._size)
            hashes = self._open(0, index)
            leaves = self._check_leaves(index, width, hashes)
            if width == WIDTH:
                self._check_above(0, index, _root_of_full(leaves))
            if progress is not None:
                progress(index * WIDTH + width, self._size)
        if self._events is not None and next(self._events, None) is not None:
            raise DoesNotHold(f"{EVENTS} goes on behind the checkpoint", self._size + 1)
        if not self._ended:
            raise DoesNotHold(f"{EVENTS} does not end in a line feed", self._size)
        if not self._size:
            return EMPTY_ROOT
        nodes = [(node, tile_of(node, self._size)) for node in covering(0, self._size)]
        return fold([node_in_tile(node, tile, self._tiles[tile.level]) for node, tile in nodes])

    def _open(self, level: int, index: int) -> bytes:
        """A tile that what follows is held against; in place of the one before it."""
        hashes = self._bundle.tile(Tile(level, index, _width(level, index, self._size)))
        self._tiles[level : level + 1] = [hashes]
        return hashes

    def _check_above(self, level: int, index: int, root: bytes) -> None:
        """That the tile above has the root of this full one; up to where that one is not full."""
        place, at = divmod(index, WIDTH)
        above = self._open(level + 1, place) if at == 0 else self._tiles[level + 1]
        if root != above[at * HASH : (at + 1) * HASH]:
            first = index * WIDTH << (HEIGHT * level)
            tile = Tile(level + 1, place, len(above) // HASH)
            raise DoesNotHold(
                f"{Tile(level, index).path()} is not what {tile.path()} says", first + 1
            )
        if at == WIDTH - 1:
            self._check_above(level + 1, place, tile_root(above))

    def _check_leaves(self, index: int, width: int, hashes: bytes) -> list[bytes]:
        """The leaves of a tile of level 0, which are those of its entries and events: seen at once,
        and one by one where they are not."""
        bundle = self._bundle.entries(index, width)
        if self._events is None:
            entries = [bundle[at : at + HASH] for at in range(len(_LENGTH), len(bundle), _STRIDE)]
        else:
            # A last line without a line feed loses what stands there: see `root`.
            entries = [sha256(line[:-1]).digest() for line in islice(self._events, width)]
        leaves = _hashed(_LEAF, entries)
        if bundle != _LENGTH + _LENGTH.join(entries) or hashes != b"".join(leaves):
            self._find(index * WIDTH, bundle, hashes, entries)
        return leaves

    def _find(self, first: int, bundle: bytes, hashes: bytes, entries: list[bytes]) -> NoReturn:
        """Raise for the first sequence that fails; one does. entries: of the events."""
        for at in range(len(hashes) // HASH):
            encoded = bundle[at * _STRIDE : (at + 1) * _STRIDE]
            entry = encoded[len(_LENGTH) :]
            what = None
            if not encoded.startswith(_LENGTH):
                what = f"its entry is not of {HASH} bytes"
            elif at >= len(entries):
                what = f"{EVENTS} ends before it"
            elif entries[at] != entry:
                what = "the event does not have the hash that is its entry"
            elif leaf_hash(entry) != hashes[at * HASH : (at + 1) * HASH]:
                what = "its entry does not have the hash that its tile says"
            if what:
                raise DoesNotHold(what, first + at + 1)
        raise DoesNotHold("events, entries and tile are not of each other", first + 1)


def _root_of_full(nodes: list[bytes]) -> bytes:
    """As tile_root, of hashes that are apart already."""
    while len(nodes) > 1:
        each = iter(nodes)
        nodes = _hashed(_NODE, [left + right for left, right in zip(each, each, strict=True)])
    return nodes[0]


def _hashed(begun: hashlib._Hash, parts: list[bytes]) -> list[bytes]:
    """The hash of each part behind what has been hashed already: to copy that is cheaper than to
    begin anew, and leaves and nodes are half of all the work."""
    hashes = []
    copy = begun.copy
    for part in parts:
        one = copy()
        one.update(part)
        hashes.append(one.digest())
    return hashes
