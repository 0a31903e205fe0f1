"""Given a tenant's ledger, when it is closed, then nothing comes behind that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.audit.acts import Act, Doer, draft, fact_of
from domain.errors import TenantLeft
from domain.ledger.append import LedgerEnd, Placed, Repeated, TenantEnd, place
from domain.orders.events import Draft, Recorded
from domain.tenancy.closing import Closed, Closing, closing_stream
from tests.domain.ledger.drafts import draft as event

NOW = 1_750_000_000_000_000


def end(**changes: Any) -> LedgerEnd:
    fields: dict[str, Any] = {"position": 0, "received_us": NOW, "tenants": {}, "versions": {}}
    return LedgerEnd(**fields | changes)


def closing(tenant_id: str = "acme", version: int = 1) -> Draft:
    act = Closing().close(tenant_id, None)
    assert act is not None
    return draft(tenant_id, "closing", version, act, Doer("ops"), now_us=NOW, random_bytes=bytes)


def kinds(results: Sequence[Placed]) -> list[type]:
    return [type(result) for result in results]


def test_a_tenant_is_closed_once() -> None:
    one = Closing()
    act = one.close("acme", "contract ended")
    assert act == Act("history.tenant.closed", "tenant/acme", None, {"reason": "contract ended"})
    (stored,) = place(end(), [closing()])
    assert isinstance(stored, Recorded)
    one.apply(fact_of(1, stored.sequence, stored.received_us, stored.state))
    assert one.closed == Closed(1, NOW, "ops")
    assert one.close("acme", None) is None


def test_nothing_comes_behind_the_closing_even_of_the_same_request() -> None:
    ledger = end()
    assert kinds(place(ledger, [event("e1"), closing(), event("e2")])) == [
        Recorded, Recorded, TenantLeft,
    ]  # fmt: skip
    assert kinds(place(ledger, [event("e3")])) == [TenantLeft]
    assert kinds(place(ledger, [closing(version=2)])) == [TenantLeft]
    assert kinds(place(ledger, [event("e1"), closing()])) == [Repeated, Repeated]
    assert kinds(place(ledger, [event("e1", tenant_id="other")])) == [Recorded]
    assert ledger.tenants["acme"].sequence == 2


def test_what_the_event_store_says_of_the_stream_decides() -> None:
    known = end(versions={closing_stream("acme"): 1})
    assert kinds(place(known, [event("e1")])) == [TenantLeft]
    assert kinds(place(known, [event("e1", tenant_id="other")])) == [Recorded]


def test_who_has_left_has_though_the_ledger_does_not_say_so() -> None:
    restored = end(tenants={"acme": TenantEnd(left=True)})
    assert kinds(place(restored, [event("e1")])) == [TenantLeft]
    assert restored.position == 0
