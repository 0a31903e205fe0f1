"""What callers get to see of a stored event: section 16 of the API document, from stored bytes.

The stored bytes are shown as they are, never decoded: what the ledger knows is put around them, and
what only the hash needs is cut out.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Callable, Collection, Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from application.access.seeing import Sight
from application.ports import Disclosures, EventPages, StoredRow
from domain.access.caller import Caller
from domain.access.scope import personal_class
from domain.privacy.revealing import Shown, holds_personal, mask, revealing
from domain.privacy.sealing import Opened

Show = Callable[[bytes], bytes]
"""Canonical JSON with placeholders in, what this caller may see out."""

OrderOf = Callable[[bytes], str | None]
"""A view in, whose it is out; None: no order's."""


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
    """Renders stored things for a caller: personal data filled in last, one query a page. What is
    filled in is noted in a Shown."""

    def __init__(self, disclosures: Disclosures, pages: EventPages, sight: Sight) -> None:
        self._disclosures = disclosures
        self._pages = pages
        self._sight = sight

    async def page(
        self,
        caller: Caller,
        shown: Shown,
        positions: Sequence[int],
        sequences: Sequence[int],
        order_id: str | None = None,
    ) -> list[bytes]:
        """The events at these positions, with these sequences, as JSON in the order given.
        `order_id`: whose all of them are, where it is one order's."""
        disclosing = sequences if caller.sees_personal else ()
        rows, disclosed = await self._pages.page(caller.tenant_id, positions, disclosing)
        order_of = _order_of if order_id is None else lambda _: order_id
        return await self._views(caller, shown, rows, disclosed, order_of)

    async def events(self, caller: Caller, shown: Shown, rows: Sequence[StoredRow]) -> list[bytes]:
        """Events that were read already, as JSON in the order given."""
        disclosed = Opened()
        if caller.sees_personal:
            personal = [row.sequence for row in rows if holds_personal(row.state)]
            disclosed = await self._disclosures.of(caller.tenant_id, personal)
        return await self._views(caller, shown, rows, disclosed, _order_of)

    async def acts(self, caller: Caller, shown: Shown, sequences: Sequence[int]) -> Show:
        """How this caller sees the service's own events with these sequences: whole, or masked."""
        if not caller.sees_all_personal:
            return mask
        return showing(await self._disclosures.of(caller.tenant_id, sequences), shown)

    async def snapshot(self, caller: Caller, shown: Shown, order_id: str, sequence: int) -> Show:
        """How this caller sees a snapshot of an order, which the event with this sequence tells
        of."""
        if not caller.sees_personal:
            return mask
        disclosed = await self._disclosures.of(caller.tenant_id, [sequence])
        return await self._of_order(caller, shown, order_id, disclosed)

    async def state(self, caller: Caller, shown: Shown, order_id: str, state: bytes) -> bytes:
        """An order's state, canonical JSON with placeholders, as this caller sees it."""
        if not (caller.sees_personal and holds_personal(state)):
            return mask(state)
        disclosed = await self._disclosures.of_order(caller.tenant_id, order_id)
        return (await self._of_order(caller, shown, order_id, disclosed))(state)

    async def _views(
        self,
        caller: Caller,
        shown: Shown,
        rows: Sequence[StoredRow],
        disclosed: Opened,
        order_of: OrderOf,
    ) -> list[bytes]:
        rows = await self._sight.corrections(caller, rows)
        if not caller.sees_personal:
            return [event_view(row, mask) for row in rows]
        if caller.sees_all_personal:
            show = showing(disclosed, shown, order_of)
            return [event_view(row, show) for row in rows]
        classes = await self._sight.personal(caller, rows)
        return [
            event_view(row, showing(disclosed, shown, order_of, visible))
            for row, visible in zip(rows, classes, strict=True)
        ]

    async def _of_order(
        self, caller: Caller, shown: Shown, order_id: str, disclosed: Opened
    ) -> Show:
        classes = None
        if not caller.sees_all_personal:
            classes = await self._sight.personal_of_order(caller, order_id)
        return showing(disclosed, shown, lambda _: order_id, classes)


class _OfOrder(Struct):
    order_id: str | None = None


_decode_order = msgspec.json.Decoder(_OfOrder).decode


def _order_of(view: bytes) -> str | None:
    """Whose event it is; None for the service's own."""
    return _decode_order(view).order_id


def showing(
    disclosed: Opened,
    shown: Shown,
    order_of: OrderOf = _order_of,
    classes: Collection[str] | None = None,
) -> Show:
    """Show with these values disclosed; of these classes alone, if they are given. Without
    `order_of`: of views of events."""
    if classes is None:
        return revealing(disclosed, shown, order_of)
    if not classes:
        return mask
    names = disclosed.names
    return revealing(
        disclosed, shown, order_of, lambda digest: personal_class(names[digest]) in classes
    )
