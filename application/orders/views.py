"""What callers get to see of a stored event: section 16 of the API document, from stored bytes.

The stored bytes are shown as they are, never decoded: what the ledger knows is put around them, and
what only the hash needs is cut out.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from application.ports import Disclosures, EventPages, StoredRow
from domain.access.caller import Caller
from domain.privacy.revealing import holds_personal, mask, reveal

Show = Callable[[bytes], bytes]
"""Canonical JSON with placeholders in, what this caller may see out."""


class Integrity(Struct, frozen=True):
    """sha256: SHA-256 of the event's bytes, hex; ledger_hash: the chain's value there, hex."""

    sha256: str
    ledger_hash: str


class EventView(Struct, frozen=True, omit_defaults=True):
    """A stored event. Times are RFC 3339; `sequence` counts within the tenant from 1.

    The shape of what `event_view` gives, for the document; it is never built.
    """

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


# Keys of the hashed bytes behind which, in their order (domain/ledger/sealing.py), only strings and
# numbers follow. A quote within a string is escaped; so one behind a comma ends or begins a string,
# and before a letter it begins one. The last of these in an event is the event's own, whatever its
# payload says.
_SALT = b',"salt":"'
_TENANT = b',"tenant_id":"'
_VERSION = b',"v":'


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
    """One stored event as JSON; an EventView."""
    state, sequence = row.state, row.sequence
    salt, tenant, version = state.rindex(_SALT), state.rindex(_TENANT), state.rindex(_VERSION)
    # Neither a salt nor a tenant id has a character that JSON escapes.
    after_salt = state.index(b'"', salt + len(_SALT)) + 1
    after_tenant = state.index(b'"', tenant + len(_TENANT)) + 1
    parts = (
        b'{"id":"oh_evt_%012d","sequence":%d,' % (sequence, sequence),
        state[1:salt],
        state[after_salt:tenant],
        state[after_tenant:version],
        _corrected_by(row.corrected_by) if row.corrected_by else b"",
        b',"integrity":{"sha256":"',
        hexlify(row.entry),
        b'","ledger_hash":"',
        hexlify(row.ledger_hash),
        b'"}}',
    )
    return show(b"".join(parts))


def _corrected_by(event_ids: tuple[str, ...]) -> bytes:
    return b',"corrected_by":%b' % msgspec.json.encode(event_ids)


class Viewer:
    """Renders stored things for a caller: personal data filled in last, one query a page."""

    def __init__(self, disclosures: Disclosures, pages: EventPages) -> None:
        self._disclosures = disclosures
        self._pages = pages

    async def page(
        self, caller: Caller, positions: Sequence[int], sequences: Sequence[int]
    ) -> list[bytes]:
        """The events at these positions, with these sequences, as JSON in the order given."""
        disclosing = sequences if caller.sees_personal else ()
        rows, disclosed = await self._pages.page(caller.tenant_id, positions, disclosing)
        show = revealing(disclosed) if caller.sees_personal else mask
        return [event_view(row, show) for row in rows]

    async def events(self, caller: Caller, rows: Sequence[StoredRow]) -> list[bytes]:
        """Events that were read already, as JSON in the order given."""
        personal = [row.sequence for row in rows if holds_personal(row.state)]
        show = await self.show(caller, personal)
        return [event_view(row, show) for row in rows]

    async def show(self, caller: Caller, sequences: Sequence[int]) -> Show:
        """How this caller sees values of the events with these sequences."""
        if not caller.sees_personal:
            return mask
        disclosed = await self._disclosures.of(caller.tenant_id, sequences)
        return revealing(disclosed)


def revealing(disclosed: Mapping[str, Any]) -> Show:
    """Show with these values disclosed."""
    return lambda encoded: reveal(encoded, disclosed)
