"""What the service itself records about its ledger."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import rfc8785

from domain.ledger.acts import alarm, reopened
from domain.ledger.sealing import event_bytes
from domain.orders.events import Draft

NOW = "2026-11-21T12:34:56.000001Z"


def bytes_of(count: int) -> bytes:
    return bytes(range(count))


def an_alarm(
    tenant: str = "acme", kind: str = "signer", sequence: int | None = 7, now: str = NOW
) -> Draft:
    return alarm(tenant, kind, sequence, "it differs", now=now, random_bytes=bytes_of)


def a_link(tenant: str = "acme", epoch: int = 2, now: str = NOW) -> Draft:
    payload = {"origin": "h.example/acme/2", "previous": {"origin": "h.example/acme", "size": 9}}
    return reopened(tenant, epoch, payload, now=now, random_bytes=bytes_of)


def body(draft: Draft) -> dict[str, Any]:
    """The event as it would be stored."""
    state = event_bytes(draft, 1, NOW.encode())
    assert rfc8785.dumps(msgspec.json.decode(state)) == state
    return dict(msgspec.json.decode(state))


def test_an_alarm_says_what_found_it_and_where() -> None:
    event = body(an_alarm())
    assert event["type"] == "history.ledger.alarm"
    assert (event["stream"], event["tenant_id"], event["occurred_at"]) == ("ledger", "acme", NOW)
    assert "order_id" not in event
    assert event["payload"] == {"kind": "signer", "sequence": 7, "detail": "it differs"}
    assert body(an_alarm(sequence=None))["payload"] == {"kind": "signer", "detail": "it differs"}


def test_each_alarm_is_an_event_of_its_own() -> None:
    others = [an_alarm(now="2026-11-21T12:34:56.000002Z"), an_alarm(kind="audit")]
    ids = {draft.event_id for draft in (an_alarm(), *others)}
    assert len(ids) == 3
    assert an_alarm().event_id in ids, "the same one twice is one event"


def test_a_new_origin_is_recorded_once() -> None:
    """Whoever begins it again, at another time, makes the same event."""
    again = a_link(now="2026-11-22T00:00:00.000000Z")
    assert a_link().event_id == again.event_id
    assert a_link(epoch=3).event_id != again.event_id
    event = body(a_link())
    assert event["type"] == "history.ledger.reopened"
    assert event["payload"]["previous"] == {"origin": "h.example/acme", "size": 9}


@pytest.mark.parametrize("make", [an_alarm, a_link])
def test_a_tenants_own_stream(make: Any) -> None:
    assert make("acme").originator == make("acme").originator
    assert make("acme").originator != make("zeta").originator
    assert make("acme").tenant_id == "acme"
