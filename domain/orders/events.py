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


class Disclosed(Struct, frozen=True, array_like=True):
    """Classified values that left an event for digests (formats.md, "Personal data").

    `owner` says whose data key encrypts them: ("order", order id) or ("actor", actor id). `text` is
    their disclosures, each base64url(JSON [salt, name, value]), with a full stop between two; the
    digest in the body is SHA-256 of the disclosure.
    """

    owner: tuple[str, str]
    text: str


class Content(Struct, frozen=True):
    """What an event says, before it has its place on the ledger.

    `payload`, `metadata` and `redactions` are canonical JSON with personal values as digests. Of
    the service's own acts `stream` stands in place of `order_id`.
    """

    tenant_id: str
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


class Frame(Struct, frozen=True, array_like=True, gc=False):
    """The bytes of an event around the two values that only the ledger gives: its version and
    received_at, in this order, or the other way round if `version_last`."""

    first: bytes
    second: bytes
    third: bytes
    version_last: bool = False


class Draft(Struct, array_like=True):
    """An event ready to be committed: everything but what only the committer's lock can give.

    `originator` is the 16 bytes of the order's (or stream's) UUID.
    """

    tenant_id: str
    originator: bytes
    topic: str
    event_id: str
    correction_of: str | None
    frame: Frame
    disclosed: tuple[Disclosed, ...] = ()
    target_required: bool = False
    """A correction whose original must be there already (POST /corrections)."""
    metered: bool = False
    """It is a producer's, which a quota refuses."""

    @property
    def originator_id(self) -> UUID:
        """As the framework wants it."""
        return UUID(bytes=self.originator)

    @property
    def originator_version(self) -> int:
        """Zero: "whatever is next". The committer gives the version under its lock."""
        return 0

    @property
    def size(self) -> int:
        """Its bytes that count, those that are to be encrypted beside it among them."""
        frame = self.frame
        size = len(frame.first) + len(frame.second) + len(frame.third)
        for disclosed in self.disclosed:
            size += len(disclosed.text)
        return size


class Recorded(Struct, frozen=True, gc=False):
    """An event of the ledger: where it stands, and its bytes, from which all else is read.

    Satisfies the framework's DomainEventProtocol through originator_id and originator_version.
    """

    position: int
    tenant_id: str
    sequence: int
    originator: bytes
    originator_version: int
    received_us: int
    entry: bytes
    ledger_hash: bytes
    state: bytes

    @property
    def originator_id(self) -> UUID:
        """As the framework wants it."""
        return UUID(bytes=self.originator)


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
