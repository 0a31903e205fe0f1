"""Ledgers in memory, signed with real keys: what proofs read, and what a test may change of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from application.ledger.ports import (
    GLOBAL,
    Anchoring,
    LedgerDamaged,
    Round,
    SignedHead,
    StoredEvent,
)
from application.ports import Head
from domain.ledger.anchors import head_leaf, round_text
from domain.ledger.append import LedgerEnd, place
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.hashing import GENESIS, entry, leaf_hash
from domain.ledger.merkle import tree_root
from domain.ledger.notes import SignedNote
from domain.ledger.recompute import LedgerRow
from domain.ledger.tiles import WIDTH, Tile
from domain.orders.events import Draft, Recorded
from domain.privacy.disclosing import Kept, erased_pointers, replaced_pointers
from domain.privacy.sealing import open_disclosures, seal
from infrastructure.ledger.signing_keys import FileLogKeys
from tests.domain.privacy.test_sealing import incoming

NOW_US = 1_800_000_000_000_000


def personal(event_id: str, **payload: Any) -> Draft:
    """An event of the tenant acme with personal values."""
    event = incoming(payload, {"ip": "192.0.2.7"}, event_id=event_id)
    return seal(event, "acme", random_bytes=os.urandom)


class LedgerWorld:
    """Implements LedgerReader and KeptDisclosures; of EventReader what proofs need."""

    def __init__(self, directory: Path) -> None:
        self.keys = FileLogKeys(directory, lambda: NOW_US)
        self._end = LedgerEnd(0, NOW_US, {}, {})
        self.rows: dict[str, list[LedgerRow]] = {}
        self.kept_of: dict[tuple[str, int], Kept] = {}
        self.signed: dict[str, list[SignedHead]] = {}
        self.trusted: dict[str, int] = {}
        """By log, the size of the checkpoint that is trusted; the newest where none is said."""
        self.rounds: dict[int, Round] = {}
        self._round_entries: list[bytes] = []
        self.places: dict[str, int] = {}
        self.lost: set[Tile] = set()

    def add(self, *drafts: Draft) -> None:
        self._end.received_us += 1
        for draft in drafts:
            (placed,) = place(self._end, [draft])
            assert isinstance(placed, Recorded)
            self.rows.setdefault(draft.tenant_id, []).append(_row(draft, placed))
            names: dict[str, str] = {}
            for disclosed in draft.disclosed:
                names |= open_disclosures(disclosed.text).names
            self.kept_of[draft.tenant_id, placed.sequence] = Kept(names)

    def change(self, sequence: int, tenant: str = "acme", **columns: Any) -> None:
        """As a superuser may."""
        row = self.rows[tenant][sequence - 1]
        self.rows[tenant][sequence - 1] = replace(row, **columns)

    def sign(self) -> None:
        """A round: a checkpoint of each log that has grown, and one of the global log."""
        for tenant, rows in self.rows.items():
            self.places.setdefault(tenant, len(self.places))
            if len(rows) > _size(self.signed.get(tenant)):
                self._sign(tenant, [row.entry for row in rows])
        leaves = [_head_leaf(self.signed[tenant][-1]) for tenant in self.places]
        number = _size(self.signed.get(GLOBAL)) + 1
        text = round_text(number, len(leaves), tree_root(leaves))
        self.rounds[number] = Round(number, text, b"".join(leaves))
        self._round_entries.append(entry(text.encode()))
        self._sign(GLOBAL, self._round_entries)

    def _sign(self, log: str, entries: Sequence[bytes]) -> None:
        root = tree_root(map(leaf_hash, entries))
        checkpoint = Checkpoint(f"{self.keys.service_origin}/{log}", len(entries), root)
        signatures = self.keys.sign(checkpoint, NOW_US // 1_000_000)
        note = SignedNote(checkpoint.text(), signatures).format()
        number = len(self._round_entries) + (log != GLOBAL)
        head = SignedHead(log, 1, len(entries), note, number, NOW_US)
        self.signed.setdefault(log, []).append(head)

    async def newest(self, tenant_id: str, *, trusted: bool) -> SignedHead | None:
        signed = self.signed.get(tenant_id, [])
        if trusted and tenant_id in self.trusted:
            signed = [one for one in signed if one.size == self.trusted[tenant_id]]
        return signed[-1] if signed else None

    async def hashes(self, tenant_id: str, tiles: Sequence[Tile]) -> Mapping[Tile, bytes]:
        if self.lost & set(tiles):
            raise LedgerDamaged
        return {tile: self._hashes(self._entries(tenant_id), tile) for tile in tiles}

    def _entries(self, tenant_id: str) -> list[bytes]:
        if tenant_id == GLOBAL:
            return self._round_entries
        return [row.entry for row in self.rows[tenant_id]]

    def _hashes(self, entries: Sequence[bytes], tile: Tile) -> bytes:
        span = WIDTH**tile.level
        leaves = [leaf_hash(one) for one in entries]
        numbers = range(tile.index * WIDTH, tile.index * WIDTH + tile.width)
        return b"".join(tree_root(leaves[at * span : (at + 1) * span]) for at in numbers)

    async def entries(self, tenant_id: str, first: int, last: int) -> list[bytes]:
        return self._entries(tenant_id)[first - 1 : last]

    async def event(self, tenant_id: str, wanted: str | int) -> StoredEvent | None:
        rows = self.rows.get(tenant_id, [])
        for at, row in enumerate(rows):
            if wanted in (row.sequence, row.event_id):
                before = rows[at - 1].ledger_hash if at else GENESIS
                return StoredEvent(row, before, await self.newest(tenant_id, trusted=True))
        return None

    async def order_erased(self, tenant_id: str, order_id: str) -> bool:
        return False

    async def erased(self, tenant_id: str, sequence: int) -> frozenset[str]:
        states = [row.state for row in self.rows[tenant_id][sequence:]]
        return frozenset().union(*(erased_pointers(state, sequence) for state in states))

    async def replaced(self, tenant_id: str, sequence: int) -> frozenset[str]:
        states = [row.state for row in self.rows[tenant_id][sequence:]]
        return replaced_pointers(states, sequence)

    async def anchoring(self, head: SignedHead) -> Anchoring | None:
        whole = await self.newest(GLOBAL, trusted=True)
        if whole is None:
            return None
        numbers = dict.fromkeys((whole.size, head.round))
        kept = [self.rounds[number] for number in numbers if number in self.rounds]
        return Anchoring(whole, self.places[head.tenant_id], kept)

    async def kept(self, tenant_id: str, sequence: int) -> Kept:
        return self.kept_of[tenant_id, sequence]

    async def head(self, tenant_id: str) -> Head:
        rows = self.rows.get(tenant_id, [])
        return Head(len(rows), rows[-1].ledger_hash, NOW_US) if rows else Head(0, GENESIS, 0)


def _size(signed: Sequence[SignedHead] | None) -> int:
    return signed[-1].size if signed else 0


def _head_leaf(signed: SignedHead) -> bytes:
    return head_leaf(SignedNote.parse(signed.note).text)


def _row(draft: Draft, placed: Recorded) -> LedgerRow:
    return LedgerRow(
        placed.position,
        draft.topic,
        UUID(bytes=placed.originator),
        placed.originator_version,
        placed.tenant_id,
        placed.sequence,
        draft.event_id,
        draft.correction_of,
        placed.received_us,
        placed.entry,
        placed.ledger_hash,
        placed.state,
    )
