"""The one domain event, `Recorded`, and what it is on its way in.

bytes ──read──▶ Incoming ──seal──▶ Draft ──commit──▶ Recorded
        (shape, vocabulary,  (personal data      (position, sequence,
         card numbers)        behind digests)     version, bytes, chain)
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

Json = dict[str, Any] | list[Any] | str | int | float | bool | None


class Incoming(Struct, frozen=True):
    """An event as a producer means it: readable, valid, free of card numbers.

    `occurred_at` is canonical text, `occurred_us` the same instant. `redactions` are the pointers
    at which a card number was replaced.
    """

    event_id: str
    order_id: str
    occurred_at: str
    occurred_us: int
    source: str
    type: str
    schema_version: str
    payload: dict[str, Any]
    metadata: dict[str, Any] | None = None
    correction_of: str | None = None
    redactions: tuple[str, ...] = ()


class Disclosure(Struct, frozen=True):
    """One classified value that left a body for a digest (formats.md, "Personal data").

    `owner` says whose data key encrypts it: ("order", order id) or ("actor", actor id).
    `text` is base64url(JSON [salt, name, value]); the digest in the body is SHA-256 of it.
    """

    owner: tuple[str, str]
    text: str


class Draft(Struct):
    """An event ready to be committed: everything but what only the committer's lock can give.

    `payload`, `metadata` and `redactions` are canonical JSON with personal values as digests. A
    draft of the service's own acts has `stream` in place of `order_id`.
    """

    tenant_id: str
    originator_id: UUID
    topic: str
    event_id: str
    order_id: str | None
    stream: str | None
    occurred_at: str
    source: str
    type: str
    schema_version: str
    payload: bytes
    metadata: bytes | None
    redactions: bytes | None
    correction_of: str | None
    salt: str
    disclosures: tuple[Disclosure, ...] = ()
    target_required: bool = False
    """A correction whose original must be there already (POST /corrections)."""

    @property
    def originator_version(self) -> int:
        """Zero: "whatever is next". The committer gives the version under its lock."""
        return 0


class Recorded(Struct, frozen=True):
    """An event of the ledger: where it stands, and its bytes, from which all else is read.

    Satisfies the framework's DomainEventProtocol through originator_id and originator_version.
    """

    position: int
    tenant_id: str
    sequence: int
    originator_id: UUID
    originator_version: int
    received_us: int
    entry: bytes
    ledger_hash: bytes
    state: bytes


class EventBody(Struct, frozen=True, omit_defaults=True):
    """The fields of the hashed bytes (formats.md), with payload and metadata left as they are."""

    event_id: str
    occurred_at: str
    payload: Raw
    received_at: str
    salt: str
    schema_version: str
    source: str
    tenant_id: str
    type: str
    v: int
    correction_of: str | None = None
    metadata: Raw | UnsetType = UNSET  # Raw in a union with None is never decoded
    order_id: str | None = None
    order_version: int | None = None
    redactions: Raw | UnsetType = UNSET
    stream: str | None = None
    stream_version: int | None = None


decode_body = msgspec.json.Decoder(EventBody).decode
"""The typed body of stored event bytes."""
