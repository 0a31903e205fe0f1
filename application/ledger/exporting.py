"""A ledger as a static directory: checkpoint, tiles and entries (C2SP tlog-tiles), and its events.

Any web server can serve it; `order-history verify bundle` checks it, and so do other programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from application.ledger.ports import LedgerDamaged, LedgerReader, SignedHead
from application.ledger.verifying.bundles import CHECKPOINT, EVENTS
from domain.errors import NotFound
from domain.ledger.tiles import WIDTH, Tile, bundle_path, encode_entries, tiles_of

_TILES_AT_ONCE = 64
_EVENTS_AT_ONCE = 250

Progress = Callable[[int, int], None]


class Bundle(Protocol):
    """A directory that is being written."""

    def add(self, path: str, content: bytes) -> None:
        """A file, by its path below the directory."""
        ...

    def append(self, path: str, content: bytes) -> None:
        """To a file, which the first call makes."""
        ...


class EventStates(Protocol):
    """The hashed bytes of events."""

    async def states(self, tenant_id: str, after: int, last: int) -> list[bytes]:
        """Of a tenant's events with the sequences after+1..last. Raises LedgerDamaged."""
        ...


class ExportLedger:
    """Writes bundles. Nothing in them is decrypted: personal values are digests."""

    def __init__(self, ledger: LedgerReader, events: EventStates) -> None:
        self._ledger = ledger
        self._events = events

    async def __call__(
        self, tenant_id: str, bundle: Bundle, progress: Progress, *, events: bool
    ) -> SignedHead:
        """The ledger as of its newest trusted checkpoint. `events`: with the bytes of all events.

        progress: called with (done, in all). Raises NotFound before the first trusted checkpoint,
        LedgerDamaged where signed events are not in the store.
        """
        signed = await self._ledger.newest(tenant_id, trusted=True)
        if signed is None:
            raise NotFound(f"nothing of tenant {tenant_id} is signed (and witnessed) yet")
        total = signed.size * (2 if events else 1)
        progress(0, total)
        for some in _chunks(tiles_of(signed.size), _TILES_AT_ONCE):
            hashes = await self._ledger.hashes(tenant_id, some)
            for tile in some:
                bundle.add(tile.path(), hashes[tile])
            done = await self._entries(tenant_id, bundle, [one for one in some if one.level == 0])
            if done:
                progress(done, total)
        if events:
            await self._write_events(signed, bundle, progress)
        # Last: without it a bundle is none.
        bundle.add(CHECKPOINT, signed.note.encode())
        return signed

    async def _entries(self, tenant_id: str, bundle: Bundle, tiles: Sequence[Tile]) -> int:
        """The entries beside these tiles, which follow one another; returns the last sequence."""
        if not tiles:
            return 0
        first, last = tiles[0].index * WIDTH, tiles[-1].index * WIDTH + tiles[-1].width
        entries = await self._ledger.entries(tenant_id, first + 1, last)
        for tile in tiles:
            at = tile.index * WIDTH - first
            own = encode_entries(entries[at : at + tile.width])
            bundle.add(bundle_path(tile.index, tile.width), own)
        return last

    async def _write_events(self, signed: SignedHead, bundle: Bundle, progress: Progress) -> None:
        """One a line: canonical JSON has no line feed in it."""
        for after in range(0, signed.size, _EVENTS_AT_ONCE):
            last = min(after + _EVENTS_AT_ONCE, signed.size)
            states = await self._events.states(signed.tenant_id, after, last)
            if any(b"\n" in state for state in states):
                raise LedgerDamaged
            bundle.append(EVENTS, b"".join(b"%b\n" % state for state in states))
            progress(signed.size + last, 2 * signed.size)


def _chunks(tiles: Iterator[Tile], size: int) -> Iterator[list[Tile]]:
    while some := list(islice(tiles, size)):
        yield some
