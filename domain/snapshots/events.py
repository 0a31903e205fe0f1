"""The service's own facts about snapshots: `history.snapshot.captured` and `.deleted`.

One stream a snapshot. The event ids are fixed by the snapshot's id, in the prefix that no producer
may use, so that capturing or deleting one twice is the same act.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from msgspec import Struct, structs

from domain import canonical
from domain.orders.events import Content, Disclosed, Draft, Incoming
from domain.privacy.classify import holds_email
from domain.privacy.sealing import conceal, draft_of, history_originator
from domain.snapshots.incoming import SnapshotBody

CAPTURED = "history.snapshot.captured"
DELETED = "history.snapshot.deleted"
SOURCE = "order-history"
TOPIC = "history.recorded"


class Captured(Struct, frozen=True):
    """A snapshot ready to be kept: its event, and the state that lies beside the ledger."""

    draft: Draft
    state: bytes
    metadata: bytes | None


def captured(
    tenant_id: str,
    order_id: str,
    body: SnapshotBody,
    *,
    actor: str,
    now: str,
    now_us: int,
    random_bytes: Callable[[int], bytes],
) -> Captured:
    """The event's payload names the state by the SHA-256 of its sealed, canonical bytes."""
    incoming = Incoming(
        event_id=_event_id(CAPTURED, body.snapshot_id),
        order_id=order_id,
        occurred_at=now,
        occurred_us=now_us,
        source=body.source,
        type=CAPTURED,
        schema_version="v1",
        payload=body.state,
        metadata=body.metadata,
        redactions=body.redactions,
    )
    sealed, disclosed = conceal(incoming, tenant_id, body.marks, random_bytes=random_bytes)
    payload = {
        "snapshot_id": body.snapshot_id,
        "order_id": order_id,
        "captured_at": body.captured_at,
        "captured_by": body.source,
        "sha256": hashlib.sha256(sealed.payload).hexdigest(),
        "size_bytes": len(sealed.payload),
    }
    draft = _draft(sealed, disclosed, body.snapshot_id, payload, actor)
    return Captured(draft, sealed.payload, sealed.metadata)


def deleted(
    tenant_id: str,
    order_id: str,
    snapshot_id: str,
    *,
    actor: str,
    now: str,
    now_us: int,
    random_bytes: Callable[[int], bytes],
) -> Draft:
    """The tombstone: the ledger keeps that it was there, and its hash in the event before."""
    incoming = Incoming(
        event_id=_event_id(DELETED, snapshot_id),
        order_id=order_id,
        occurred_at=now,
        occurred_us=now_us,
        source=SOURCE,
        type=DELETED,
        schema_version="v1",
        payload={},
    )
    sealed, disclosed = conceal(incoming, tenant_id, random_bytes=random_bytes)
    payload = {"snapshot_id": snapshot_id, "order_id": order_id}
    return _draft(sealed, disclosed, snapshot_id, payload, actor)


def _draft(
    sealed: Content,
    disclosed: tuple[Disclosed, ...],
    snapshot_id: str,
    payload: dict[str, Any],
    actor: str,
) -> Draft:
    stream = f"snapshot/{snapshot_id}"
    # A subject that is an email address would stay in the ledger for ever.
    metadata = None if holds_email(actor) else canonical.encode({"actor_id": actor})
    content = structs.replace(
        sealed,
        order_id=None,
        stream=stream,
        source=SOURCE,
        payload=canonical.encode(payload),
        metadata=metadata,
    )
    originator_id = history_originator(sealed.tenant_id, stream)
    metered = sealed.type == CAPTURED
    return draft_of(content, disclosed, originator_id, TOPIC, metered=metered)


def _event_id(kind: str, snapshot_id: str) -> str:
    return f"oh_evt_{kind}/{snapshot_id}"
