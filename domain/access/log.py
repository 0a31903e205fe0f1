"""The access log: who was shown which personal values, when and why; and its batches, whose roots
stand on the tenant's ledger.

An entry never changes. What of it is personal to the reader (the reason, in words; the address it
came from) is a salted digest in it, as in an event; the values lie beside it and can be erased.
A tenant's entries are numbered from 1 without a gap, and a batch is a range of numbers:

    entry = SHA-256(RFC 8785 JSON of the entry with its number)     leaf = SHA-256(0x00 || entry)
    root  = the Merkle root (RFC 6962) over the leaves of the range
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from hashlib import sha256
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from domain import canonical
from domain.ledger.acts import own_event, own_event_id
from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import tree_root
from domain.orders.events import Draft
from domain.privacy.sealing import SALT_BYTES, disclose

DIGESTED = "history.access.digested"
MOST = 10_000
"""Entries of a batch."""

ID_BYTES = 10
DRAWN = ID_BYTES + 2 * SALT_BYTES
"""Random bytes of an entry: for its id, and a salt for each of its digests."""

_STREAM = "access-log"
_VERSION_7 = 0x7 << 76 | 0x2 << 62
_RANDOM_BITS = ~(0xF << 76 | 0x3 << 62) & ((1 << 80) - 1)


class Entry(Struct, frozen=True):
    """One answer that showed personal values.

    at_us: when, microseconds since 1970; endpoint: method and path, as `GET /orders/{order_id}`;
    orders, fields: whose values, and under which names, sorted; events: how many events, states or
    lines showed some; personal_values: how many; size_bytes: of the answer's body. reason, address:
    digests, None where none was given.
    """

    entry_id: UUID
    tenant_id: str
    at_us: int
    subject: str
    roles: tuple[str, ...]
    operation: str
    endpoint: str
    orders: tuple[str, ...]
    fields: tuple[str, ...]
    events: int
    personal_values: int
    size_bytes: int
    reason: str | None
    address: str | None


class Noted(Struct, frozen=True, array_like=True):
    """What is noted before the answer goes out: what `kept_of` makes an entry of, whoever does and
    how often. So what is costly about an entry comes behind the answer.

    drawn: DRAWN bytes from a cryptographic source; roles: as the token has them; reason, address:
    in the clear, so it is encrypted wherever it is put; the others as in Entry.
    """

    drawn: bytes
    at_us: int
    tenant_id: str
    subject: str
    roles: AbstractSet[str]
    operation: str
    endpoint: str
    orders: AbstractSet[str]
    fields: AbstractSet[str]
    events: int
    personal_values: int
    size_bytes: int
    reason: str | None
    address: str | None


class Kept(Struct, frozen=True):
    """An entry on its way into the log, and the disclosures of its digests ("" for none)."""

    entry: Entry
    disclosures: str


class Batch(Struct, frozen=True):
    """The root over a tenant's entries from `first` to `last`, both included."""

    first: int
    last: int
    root: bytes


def kept_of(noted: Noted) -> Kept:
    """The entry of what was noted, always the same."""
    given = {"reason": noted.reason, "address": noted.address}
    values = {name: value for name, value in given.items() if value is not None}
    # A source that was asked before: for the id, and for no more salts than there can be values.
    salts = noted.drawn[ID_BYTES:]
    digests, disclosures = disclose(values, lambda count: salts[:count]) if values else ({}, "")
    entry = Entry(
        entry_id=entry_id(noted.at_us, noted.drawn[:ID_BYTES]),
        tenant_id=noted.tenant_id,
        at_us=noted.at_us,
        subject=noted.subject,
        # A token's roles are whatever its issuer writes, and no column holds U+0000.
        roles=tuple(sorted(filter(str.isprintable, noted.roles))),
        operation=noted.operation,
        endpoint=noted.endpoint,
        orders=tuple(sorted(noted.orders)),
        fields=tuple(sorted(noted.fields)),
        events=noted.events,
        personal_values=noted.personal_values,
        size_bytes=noted.size_bytes,
        reason=digests.get("reason"),
        address=digests.get("address"),
    )
    return Kept(entry, disclosures)


def entry_id(at_us: int, drawn: bytes) -> UUID:
    """A UUIDv7 of this time, from 10 random bytes."""
    low = int.from_bytes(drawn) & _RANDOM_BITS | _VERSION_7
    return UUID(int=(at_us // 1000 & (1 << 48) - 1) << 80 | low)


def entry_hash(number: int, entry: Entry) -> bytes:
    """SHA-256 of what is never to change of an entry, 32 bytes."""
    said = {**asdict(entry), "number": number, "entry_id": str(entry.entry_id)}
    said |= {name: list(said[name]) for name in ("roles", "orders", "fields")}
    return sha256(canonical.encode(said)).digest()


def batch_of(first: int, entries: Iterable[Entry]) -> Batch:
    """The batch of entries in their order, the first of which has the number `first`."""
    hashes = [entry_hash(number, entry) for number, entry in enumerate(entries, first)]
    return Batch(first, first + len(hashes) - 1, tree_root(map(leaf_hash, hashes)))


def batch_id(first: int) -> str:
    """The id of the event that tells of the batch from this number on."""
    return own_event_id(DIGESTED, str(first))


def digested(
    tenant_id: str, batch: Batch, *, now: str, random_bytes: Callable[[int], bytes]
) -> Draft:
    """The event that tells of a batch; of batches that begin alike the first one is it."""
    return own_event(
        tenant_id, _STREAM, DIGESTED, batch_id(batch.first), told(batch),
        now=now, random_bytes=random_bytes,
    )  # fmt: skip


def told(batch: Batch) -> dict[str, object]:
    """What its event says of a batch."""
    count = batch.last - batch.first + 1
    return {"from": batch.first, "to": batch.last, "count": count, "root": batch.root.hex()}
