"""What callers get to see of a stored event: section 16 of the API document, from stored bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from application.ports import Disclosures, StoredRow
from domain.access.caller import Caller
from domain.orders.events import decode_body
from domain.privacy.revealing import mask, reveal

Show = Callable[[bytes], bytes]
"""Canonical JSON with placeholders in, what this caller may see out."""


class Integrity(Struct, frozen=True):
    """sha256: SHA-256 of the event's bytes, hex; ledger_hash: the chain's value there, hex."""

    sha256: str
    ledger_hash: str


class EventView(Struct, frozen=True, omit_defaults=True):
    """A stored event. Times are RFC 3339; `sequence` counts within the tenant from 1."""

    id: str
    event_id: str
    sequence: int
    occurred_at: str
    received_at: str
    source: str
    type: str
    payload: Raw
    schema_version: str
    integrity: Integrity
    order_id: str | None = None
    order_version: int | None = None
    metadata: Raw | UnsetType = UNSET
    correction_of: str | None = None
    corrected_by: tuple[str, ...] = ()
    redactions: Raw | UnsetType = UNSET
    stream: str | None = None
    stream_version: int | None = None


_encode = msgspec.json.Encoder().encode


def public_id(sequence: int) -> str:
    """`oh_evt_` and the tenant's sequence in 12 digits."""
    return f"oh_evt_{sequence:012}"


def sequence_of(public: str) -> int | None:
    """The sequence in an `oh_evt_...` id, None when it is no such id."""
    digits = public.removeprefix("oh_evt_")
    if len(digits) == len(public) or not (12 <= len(digits) <= 18):
        return None
    if not (digits.isascii() and digits.isdigit()):
        return None
    sequence = int(digits)
    return sequence if public_id(sequence) == public else None


def event_view(row: StoredRow, show: Show) -> bytes:
    """One stored event as JSON."""
    body = decode_body(row.state)
    return _encode(
        EventView(
            id=public_id(row.sequence),
            event_id=body.event_id,
            sequence=row.sequence,
            order_id=body.order_id,
            order_version=body.order_version,
            occurred_at=body.occurred_at,
            received_at=body.received_at,
            source=body.source,
            type=body.type,
            payload=Raw(show(bytes(body.payload))),
            schema_version=body.schema_version,
            metadata=Raw(show(bytes(body.metadata))) if isinstance(body.metadata, Raw) else UNSET,
            correction_of=body.correction_of,
            corrected_by=row.corrected_by,
            redactions=body.redactions,
            stream=body.stream,
            stream_version=body.stream_version,
            integrity=Integrity(row.entry.hex(), row.ledger_hash.hex()),
        )
    )


class Viewer:
    """Renders stored things for a caller: personal data filled in last, one query a page."""

    def __init__(self, disclosures: Disclosures) -> None:
        self._disclosures = disclosures

    async def show(self, caller: Caller, sequences: Sequence[int]) -> Show:
        """How this caller sees values of the events with these sequences."""
        if not caller.sees_personal:
            return mask
        disclosed = await self._disclosures.of(caller.tenant_id, sequences)
        return revealing(disclosed)

    async def events(self, caller: Caller, rows: Sequence[StoredRow]) -> list[bytes]:
        """A page of events as JSON, in the order given."""
        personal = [row.sequence for row in rows if b'{"_sd":"' in row.state]
        show = await self.show(caller, personal)
        return [event_view(row, show) for row in rows]


def revealing(disclosed: Mapping[str, Any]) -> Show:
    """Show with these values disclosed."""
    return lambda encoded: reveal(encoded, disclosed)
