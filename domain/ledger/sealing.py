"""The bytes of an event that are hashed (docs: what is hashed)."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from domain.orders.events import Content, Draft, Frame

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
_RECEIVED = b',"received_at":"'
_PAYLOAD = b',"payload":'
_STREAM_VERSION = b',"stream_version":'


def frame_of(content: Content) -> Frame:
    """The RFC 8785 bytes of an event (what is stored, hashed and proven), but for the places of its
    version and of received_at: made before the ledger's lock, filled in under it."""
    own = content.stream is not None
    text = _encode(
        _Hashed(
            correction_of=content.correction_of,
            event_id=content.event_id,
            metadata=None if content.metadata is None else Raw(content.metadata),
            occurred_at=content.occurred_at,
            order_id=content.order_id,
            order_version=None if own else 0,
            payload=Raw(content.payload),
            received_at="",
            redactions=None if content.redactions is None else Raw(content.redactions),
            salt=content.salt,
            schema_version=content.schema_version,
            source=content.source,
            stream=content.stream,
            stream_version=0 if own else None,
            tenant_id=content.tenant_id,
            type=content.type,
            v=VERSION,
        )
    )
    # After it come only strings, in which every quote is escaped: the last is the field itself.
    received = text.rindex(_RECEIVED) + len(_RECEIVED)
    if own:
        version = text.rindex(_STREAM_VERSION) + len(_STREAM_VERSION)
        return Frame(text[:received], text[received:version], text[version + 1 :], True)
    # The version's digit stands before `,"payload":...,"received_at":"`.
    version = received - len(_RECEIVED) - len(content.payload) - len(_PAYLOAD) - 1
    return Frame(text[:version], text[version + 1 : received], text[received:])


def event_bytes(draft: Draft, version: int, received_at: bytes) -> bytes:
    """The bytes of an event. `version` is the order's, or the stream's for the service's own acts;
    `received_at` is text with six fraction digits."""
    frame = draft.frame
    if frame.version_last:
        return b"%b%b%b%d%b" % (frame.first, received_at, frame.second, version, frame.third)
    return b"%b%d%b%b%b" % (frame.first, version, frame.second, received_at, frame.third)
