"""Drafts as they come to the door, for tests of what happens to them there."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from domain.orders.events import Content, Draft
from domain.privacy.disclosing import ERASED
from domain.privacy.sealing import TOPIC, draft_of, history_originator, originator
from domain.snapshots.events import TOPIC as HISTORY_TOPIC


def content(
    event_id: str, order_id: str = "o1", tenant_id: str = "acme", **changes: Any
) -> Content:
    """What a small event without personal data says."""
    fields: dict[str, Any] = {
        "tenant_id": tenant_id,
        "event_id": event_id,
        "order_id": order_id,
        "stream": None,
        "occurred_at": "2025-08-29T12:34:56Z",
        "source": "shop",
        "type": "order.created",
        "schema_version": "v1",
        "payload": b'{"total_minor":1999}',
        "metadata": None,
        "redactions": None,
        "correction_of": None,
        "salt": "AAECAwQFBgcICQoLDA0ODw",
    }
    return Content(**fields | changes)


def draft(
    event_id: str,
    order_id: str = "o1",
    tenant_id: str = "acme",
    *,
    target_required: bool = False,
    **changes: Any,
) -> Draft:
    """The draft of such an event."""
    made = draft_of(
        content(event_id, order_id, tenant_id, **changes),
        (),
        originator(tenant_id, order_id),
        TOPIC,
    )
    return replace(made, target_required=target_required)


def correction(event_id: str, of: str, order_id: str = "o1", **changes: Any) -> Draft:
    """A correction of the event `of`."""
    changes = {"type": "order.correction", "correction_of": of, "payload": b"{}", **changes}
    return draft(event_id, order_id, **changes)


def erasure(sequence: int, *pointers: str, tenant_id: str = "acme") -> Draft:
    """The service's own event that an erasure of these values of one event leaves."""
    payload = {"job_id": "job_1", "events": [{"sequence": sequence, "pointers": pointers}]}
    said = replace(
        content("erasure", tenant_id=tenant_id, type=ERASED, payload=msgspec.json.encode(payload)),
        order_id=None,
        stream="erasure/job_1",
    )
    return draft_of(said, (), history_originator(tenant_id, "erasure/job_1"), HISTORY_TOPIC)
