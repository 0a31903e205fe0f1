"""Given what was set, when a quota is changed, or an event comes, then it is so, or refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from domain.audit.acts import Act, Doer, Fact, draft
from domain.errors import QuotaExceeded
from domain.ledger.append import LedgerEnd, Placed, Repeated, TenantEnd, place
from domain.orders.events import Draft, Incoming, Recorded
from domain.privacy.sealing import seal
from domain.tenancy.quotas import DAY_US, Allowance, Asked, Limits, Quota, day_of

MIDNIGHT = 20_000 * DAY_US
NOON = MIDNIGHT + DAY_US // 2


def done(*acts: Act | None) -> Quota:
    quota = Quota()
    for number, act in enumerate(acts, 1):
        assert act is not None
        quota.apply(Fact(act.type, number, number, NOON, "ops", act.target, act.before, act.after))
    return quota


def test_what_is_not_set_is_the_installations() -> None:
    defaults = Limits(100, None)
    quota = Quota()
    assert quota.over(defaults) == defaults
    act = quota.set("acme", Asked(requests_per_minute=60))
    assert act == Act(
        "history.tenant.quota_set", "tenant/acme",
        {"requests_per_minute": "default"}, {"requests_per_minute": 60},
    )  # fmt: skip
    quota = done(act)
    assert quota.over(defaults) == Limits(100, 60)
    assert quota.set("acme", Asked(requests_per_minute=60)) is None
    assert quota.set("acme", Asked()) is None
    quota = done(act, quota.set("acme", Asked(events_per_day="none")))
    assert quota.over(defaults) == Limits(None, 60)
    act = quota.set("acme", Asked(events_per_day="default", requests_per_minute=7))
    assert act is not None
    assert act.before == {"events_per_day": "none", "requests_per_minute": 60}
    quota.apply(Fact(act.type, 3, 3, NOON, "ops", act.target, act.before, act.after))
    assert quota.over(defaults) == Limits(100, 7)


def event(event_id: str) -> Draft:
    incoming = Incoming(
        event_id=event_id, order_id="o1", occurred_at="2025-08-29T12:34:56Z",
        occurred_us=1_756_470_896_000_000, source="shop", type="order.note.added",
        schema_version="v1", payload={}, metadata=None,
    )  # fmt: skip
    return seal(incoming, "acme", random_bytes=bytes)


def own() -> Draft:
    act = Act("history.role.defined", "role/x", None, {})
    return draft("acme", "roles", 1, act, Doer("ann"), now_us=NOON, random_bytes=bytes)


def kinds(results: Sequence[Placed]) -> list[type]:
    return [type(result) for result in results]


def test_producers_events_go_as_far_as_the_quota() -> None:
    tenant = TenantEnd(7, allowance=Allowance(4, 10, MIDNIGHT))
    end = LedgerEnd(50, NOON, {"acme": tenant}, {})
    drafts = [event(f"e{number}") for number in range(5)]
    assert kinds(place(end, drafts)) == [Recorded] * 3 + [QuotaExceeded] * 2
    assert tenant.sequence == 10
    assert kinds(place(end, drafts[:3])) == [Repeated] * 3
    assert kinds(place(end, [own()])) == [Recorded]
    assert kinds(place(end, [drafts[4]])) == [QuotaExceeded]


@pytest.mark.parametrize(("at", "seconds"), [(0, 86_400), (DAY_US // 2, 43_200), (DAY_US - 1, 1)])
def test_a_refusal_names_the_quota_and_tells_until_when(at: int, seconds: int) -> None:
    refusal = Allowance(1000, 0, MIDNIGHT).refusal(MIDNIGHT + at)
    assert refusal.retry_after == seconds
    assert "1,000 events a day" in str(refusal)


def test_a_day_begins_at_midnight_utc() -> None:
    assert [day_of(at) - MIDNIGHT for at in (MIDNIGHT - 1, MIDNIGHT, NOON)] == [-DAY_US, 0, 0]
