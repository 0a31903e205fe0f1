"""Recomputing a tenant's ledger from its stored bytes, and every column beside them.

The bytes are what is hashed; each column is a copy of something they say, and is held against it.
Of the position they say nothing: it only has to grow along the ledger (`gaps` counts them all).

A page of rows is held column against column, at once. One that does not hold is gone through row
by row, which finds what is wrong, and where.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from operator import itemgetter, le, lt
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.ledger.edge import FullTile, TreeEdge
from domain.ledger.hashing import GENESIS, chain, entry, leaf_hash
from domain.ledger.merkle import Frontier
from domain.ledger.said import Copies, decode

Row = tuple[Any, ...]
"""The values of a row in the order of `LedgerRow`, the originator id as its 16 bytes."""

_COLUMNS = (
    "positions", "topics", "originators", "versions", "tenants", "sequences",
    "event_ids", "corrections", "times", "entries", "hashes", "states",
)  # fmt: skip
_KEPT = itemgetter(0, 8, 10)
_UNREADABLE = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)


class LedgerRow(Struct, frozen=True):
    """A row of the event store, whole."""

    position: int
    topic: str
    originator_id: UUID
    originator_version: int
    tenant_id: str
    sequence: int
    event_id: str
    correction_of: str | None
    received_us: int
    entry: bytes
    ledger_hash: bytes
    state: bytes


class Difference(Struct, frozen=True):
    """A place where a tenant's ledger does not hold: from this sequence on."""

    tenant_id: str
    sequence: int
    what: str


class Reached(Struct, frozen=True):
    """How far a walk is, and all that it needs to go on: of the last event its sequence,
    ledger_hash, received_us and position; and the peaks of the tree's frontier."""

    sequence: int = 0
    ledger_hash: bytes = GENESIS
    received_us: int = 0
    position: int = 0
    frontier: bytes = b""


class LedgerWalk:
    """Walks one tenant's rows by sequence: `check_page` them, in order, from the first, or from
    where another walk had come to.

    tiles: those that have become full, for the caller to compare, and to empty.
    roots: of the tree at the sizes that the caller asked for; likewise.
    """

    def __init__(self, tenant_id: str, reached: Reached | None = None) -> None:
        """Raises ValueError where what was reached does not fit together."""
        reached = reached or Reached()
        self.tenant_id = tenant_id
        self.sequence = reached.sequence
        self.ledger_hash = reached.ledger_hash
        self.tiles: list[FullTile] = []
        self.roots: dict[int, bytes] = {}
        self._received_us = reached.received_us
        self._position = reached.position
        self._edge = TreeEdge(Frontier.from_bytes(reached.sequence, reached.frontier))
        self._copies = Copies(tenant_id)

    @property
    def reached(self) -> Reached:
        """From where another walk can go on."""
        peaks = self._edge.frontier().to_bytes()
        return Reached(self.sequence, self.ledger_hash, self._received_us, self._position, peaks)

    def root(self) -> bytes:
        """The Merkle root over the events so far."""
        return self._edge.root()

    def check(self, row: LedgerRow) -> Difference | None:
        """None when the row holds and follows from the one before."""
        what = self._wrong(row)
        if what is not None:
            return Difference(self.tenant_id, self.sequence + 1, what)
        self._grow([leaf_hash(row.entry)], ())
        self.ledger_hash = row.ledger_hash
        self._received_us = row.received_us
        self._position = row.position
        return None

    def check_page(self, rows: Sequence[Row], sizes: Sequence[int] = ()) -> Difference | None:
        """None when all rows hold, and each follows from the one before.

        sizes: ascending, each above the last sequence and not above that of the last row: where
        `roots` are wanted.
        """
        digests = self._held(rows)
        if digests is not None:
            self._grow([sha256(b"\x00" + digest).digest() for digest in digests], sizes)
            self._position, self._received_us, self.ledger_hash = _KEPT(rows[-1])
            return None
        for values in rows:
            found = self.check(_row(values))
            if found is not None:
                return found
            if self.sequence in sizes:
                self.roots[self.sequence] = self.root()
        return None

    def _held(self, rows: Sequence[Row]) -> list[bytes] | None:
        """The entries of rows that hold, one and all; None where that is not sure."""
        columns = dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True))
        positions, times = columns.pop("positions"), columns["times"]
        sequences, hashes = columns.pop("sequences"), columns.pop("hashes")
        entries, states = columns.pop("entries"), columns.pop("states")
        try:
            # The hashes of `hashing`, inline, here and for the leaves: once for each event.
            digests = [sha256(state).digest() for state in states]
            before = (self.ledger_hash, *hashes[:-1])
            holds = (
                sequences == tuple(range(self.sequence + 1, self.sequence + 1 + len(rows)))
                and entries == tuple(digests)
                and list(hashes)
                == [
                    sha256(b"\x02" + link + digest).digest()
                    for link, digest in zip(before, digests, strict=True)
                ]
                and all(map(le, (self._received_us, *times), times))
                and all(map(lt, (self._position, *positions), positions))
                and self._copies.are(list(map(decode, states)), **columns)
            )
        except (*_UNREADABLE, TypeError):  # TypeError: a column is null that never may be
            return None
        return digests if holds else None

    def _grow(self, leaves: Sequence[bytes], sizes: Sequence[int]) -> None:
        begun = done = self.sequence
        for size in sizes:
            self.tiles += self._edge.extend(leaves[done - begun : size - begun])
            self.roots[size] = self._edge.root()
            done = size
        self.tiles += self._edge.extend(leaves[done - begun :])
        self.sequence += len(leaves)

    def _wrong(self, row: LedgerRow) -> str | None:
        if (empty := _empty(row)) is not None:
            return f"the column {empty} is empty"
        if row.sequence != self.sequence + 1:
            return f"sequence {self.sequence + 1} is missing"
        digest = entry(row.state)
        if digest != row.entry:
            return "the stored bytes do not have the stored hash"
        if chain(self.ledger_hash, digest) != row.ledger_hash:
            return "the chain does not go on from the event before"
        if row.received_us < self._received_us:
            return "received_at goes back"
        if row.position <= self._position:
            return "the position goes back"
        return self._said_otherwise(row)

    def _said_otherwise(self, row: LedgerRow) -> str | None:
        try:
            said = self._copies.of(decode(row.state))
        except _UNREADABLE:
            return "the stored bytes are not an event"
        for name, value in said.items():
            if getattr(row, name) != value:
                return f"the column {name} is not what the stored bytes say"
        return None if row.tenant_id == self.tenant_id else "the event is another tenant's"


def _row(values: Row) -> LedgerRow:
    position, topic, originator_id, *others = values
    named = None if originator_id is None else UUID(bytes=originator_id)
    return LedgerRow(position, topic, named, *others)  # type: ignore[arg-type]  # told by `_empty`


def _empty(row: LedgerRow) -> str | None:
    """The first column that is null and never may be."""
    names = (name for name in row.__struct_fields__ if name != "correction_of")
    return next((name for name in names if getattr(row, name) is None), None)
