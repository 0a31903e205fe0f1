"""The service's own facts about the ledger: `history.ledger.reopened` and `.alarm`."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping

from domain import canonical
from domain.orders.events import Content, Draft
from domain.privacy.sealing import SALT_BYTES, draft_of, history_originator
from domain.snapshots.events import SOURCE, TOPIC

REOPENED = "history.ledger.reopened"
ALARM = "history.ledger.alarm"
_STREAM = "ledger"


def reopened_id(epoch: int) -> str:
    """The event id of a reopening, the same in each tenant's ledger."""
    return own_event_id(REOPENED, str(epoch))


def reopened(
    tenant_id: str,
    epoch: int,
    payload: Mapping[str, object],
    *,
    now: str,
    random_bytes: Callable[[int], bytes],
) -> Draft:
    """A new origin begins. The same for an epoch each time, so that it is recorded once.

    payload: {"origin", "previous": {"origin", "size", "root"}}, the newest published checkpoint of
    the origin before it, its root in base64.
    """
    return _act(tenant_id, REOPENED, str(epoch), payload, now, random_bytes)


def alarm(
    tenant_id: str,
    kind: str,
    sequence: int | None,
    detail: str,
    *,
    now: str,
    random_bytes: Callable[[int], bytes],
) -> Draft:
    """Something on the ledger differs from what was signed or stored before."""
    payload: dict[str, object] = {"kind": kind, "detail": detail}
    if sequence is not None:
        payload["sequence"] = sequence
    return _act(tenant_id, ALARM, f"{kind}/{now}", payload, now, random_bytes)


def own_event(
    tenant_id: str,
    stream: str,
    kind: str,
    event_id: str,
    payload: Mapping[str, object],
    *,
    now: str,
    random_bytes: Callable[[int], bytes],
) -> Draft:
    """An event of the service's own, in one of its streams, that tells of nobody: its payload has
    nothing personal in it. `event_id` makes it the same act each time; it begins with `oh_evt_`."""
    content = Content(
        tenant_id=tenant_id,
        event_id=event_id,
        order_id=None,
        stream=stream,
        occurred_at=now,
        source=SOURCE,
        type=kind,
        schema_version="v1",
        payload=canonical.encode(dict(payload)),
        metadata=None,
        redactions=None,
        correction_of=None,
        salt=urlsafe_b64encode(random_bytes(SALT_BYTES)).rstrip(b"=").decode(),
    )
    return draft_of(content, (), history_originator(tenant_id, stream), TOPIC)


def own_event_id(kind: str, name: str) -> str:
    """The id of an event of the service's own, in the prefix that no producer may use."""
    return f"oh_evt_{kind}/{name}"


def _act(
    tenant_id: str,
    kind: str,
    name: str,
    payload: Mapping[str, object],
    now: str,
    random_bytes: Callable[[int], bytes],
) -> Draft:
    event_id = own_event_id(kind, name)
    return own_event(
        tenant_id, _STREAM, kind, event_id, payload, now=now, random_bytes=random_bytes
    )
