"""What the audit log shows of an act, made of the stored bytes of its event."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct

from application.orders.views import Show, public_id
from application.ports import StoredRow
from domain.orders.events import decode_body


class ActView(Struct, frozen=True):
    """Who did what, when, from where: `before` and `after` are what was changed of the `target`,
    null where there was nothing, or is nothing any more. `details` has what else the event says.
    `id` is that of the event on the ledger."""

    id: str
    sequence: int
    at: str
    type: str
    target: str
    actor_id: str | None
    address: Any
    before: Any
    after: Any
    details: dict[str, Any]


_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def act_view(row: StoredRow, target: str, show: Show) -> bytes:
    """An ActView as JSON. `target` as the audit log has it."""
    body = decode_body(row.state)
    payload = _decode_object(body.payload)
    metadata = {} if body.metadata is UNSET else _decode_object(body.metadata)
    payload.pop("target", None)
    view = ActView(
        id=public_id(row.sequence),
        sequence=row.sequence,
        at=body.received_at,
        type=body.type,
        target=target,
        actor_id=metadata.get("actor_id"),
        address=metadata.get("ip"),
        before=payload.pop("before", None),
        after=payload.pop("after", None),
        details=payload,
    )
    return show(msgspec.json.encode(view))
