"""Drafts as they come to the door, for tests of what happens to them there."""

from __future__ import annotations

from typing import Any

from domain.orders.events import Draft
from domain.privacy.sealing import originator


def draft(event_id: str, order_id: str = "o1", tenant_id: str = "acme", **changes: Any) -> Draft:
    """A small event without personal data."""
    fields: dict[str, Any] = {
        "tenant_id": tenant_id,
        "originator_id": originator(tenant_id, order_id),
        "topic": "order.recorded",
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
    return Draft(**fields | changes)


def correction(event_id: str, of: str, order_id: str = "o1", **changes: Any) -> Draft:
    """A correction of the event `of`."""
    changes = {"type": "order.correction", "correction_of": of, "payload": b"{}", **changes}
    return draft(event_id, order_id, **changes)
