"""Recomputing a tenant's ledger from its stored bytes, and every column beside them.

The bytes are what is hashed; each column is a copy of something they say, and is held against it.
Of the position they say nothing: it only has to grow along the ledger (`gaps` counts them all).
"""

from __future__ import annotations

from uuid import UUID

import msgspec
from msgspec import Struct

from domain.ledger.hashing import GENESIS, chain, entry
from domain.orders.events import decode_body
from domain.privacy.sealing import TOPIC, history_originator, originator
from domain.snapshots.events import TOPIC as HISTORY_TOPIC
from domain.times import parse_us


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
    """The first place where a tenant's ledger does not hold."""

    tenant_id: str
    sequence: int
    what: str


class LedgerWalk:
    """Walks one tenant's rows by sequence; `check` each, in order, from the first."""

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        self.sequence = 0
        self.ledger_hash = GENESIS
        self._received_us = 0
        self._position = 0

    def check(self, row: LedgerRow) -> Difference | None:
        """None when the row holds and follows from the one before."""
        what = self._wrong(row)
        if what is not None:
            return Difference(self.tenant_id, self.sequence + 1, what)
        self.sequence = row.sequence
        self.ledger_hash = row.ledger_hash
        self._received_us = row.received_us
        self._position = row.position
        return None

    def _wrong(self, row: LedgerRow) -> str | None:
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
        try:
            said = _columns(row)
        except (msgspec.MsgspecError, ValueError):
            return "the stored bytes are not an event"
        for name, value in said.items():
            if getattr(row, name) != value:
                return f"the column {name} is not what the stored bytes say"
        return None


def _columns(row: LedgerRow) -> dict[str, object]:
    """The columns of a row, read from its bytes."""
    body = decode_body(row.state)
    if body.stream is not None:
        topic = HISTORY_TOPIC
        originator_id = history_originator(body.tenant_id, body.stream)
        version = body.stream_version
    else:
        topic = TOPIC
        originator_id = originator(body.tenant_id, body.order_id or "")
        version = body.order_version
    return {
        "topic": topic,
        "tenant_id": body.tenant_id,
        "event_id": body.event_id,
        "correction_of": body.correction_of,
        "originator_id": originator_id,
        "originator_version": version,
        "received_us": parse_us(body.received_at),
    }
