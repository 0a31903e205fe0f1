"""The bytes of an event that are hashed, and the hashes over them (docs: what is hashed)."""

from __future__ import annotations

from hashlib import sha256

import msgspec
from msgspec import Raw, Struct

from domain.orders.events import Draft

GENESIS = bytes(32)
"""The ledger hash before a tenant's first event."""

VERSION = 1
"""The format of the event bytes, `v`."""


class _Hashed(Struct, kw_only=True, omit_defaults=True):
    """The hashed fields, declared in the order in which RFC 8785 sorts them."""

    correction_of: str | None = None
    event_id: str
    metadata: Raw | None = None
    occurred_at: str
    order_id: str | None = None
    order_version: int | None = None
    payload: Raw
    received_at: str
    redactions: Raw | None = None
    salt: str
    schema_version: str
    source: str
    stream: str | None = None
    stream_version: int | None = None
    tenant_id: str
    type: str
    v: int


_encode = msgspec.json.Encoder().encode


def event_bytes(draft: Draft, version: int, received_at: str) -> bytes:
    """RFC 8785 bytes of an event: what is stored, hashed and proven.

    `version` is the order's, or the stream's for the service's own acts; `received_at` is text
    with six fraction digits. The draft's payload, metadata and redactions are canonical already.
    """
    own = draft.stream is not None
    return _encode(
        _Hashed(
            correction_of=draft.correction_of,
            event_id=draft.event_id,
            metadata=None if draft.metadata is None else Raw(draft.metadata),
            occurred_at=draft.occurred_at,
            order_id=draft.order_id,
            order_version=None if own else version,
            payload=Raw(draft.payload),
            received_at=received_at,
            redactions=None if draft.redactions is None else Raw(draft.redactions),
            salt=draft.salt,
            schema_version=draft.schema_version,
            source=draft.source,
            stream=draft.stream,
            stream_version=version if own else None,
            tenant_id=draft.tenant_id,
            type=draft.type,
            v=VERSION,
        )
    )


def entry(state: bytes) -> bytes:
    """The entry of an event: SHA-256 of its bytes; what the ledger's leaves and chain are over."""
    return sha256(state).digest()


def leaf_hash(event_entry: bytes) -> bytes:
    """The Merkle leaf of an entry (RFC 6962)."""
    return sha256(b"\x00" + event_entry).digest()


def chain(previous: bytes, event_entry: bytes) -> bytes:
    """The ledger hash after an event, from that before it (GENESIS before the first)."""
    return sha256(b"\x02" + previous + event_entry).digest()
