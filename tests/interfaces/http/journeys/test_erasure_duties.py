"""What a retention policy must keep is kept from an erasure, told, and goes once that is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interfaces.composition.endings import end_of_duties
from interfaces.composition.writing import writing
from tests.interfaces.http.journeys.erasing import erase, resumed
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop
from tests.interfaces.http.journeys.test_subject_access import export, of_kind

pytestmark = pytest.mark.anyio
PAYMENTS: Json = {
    "name": "Payments, 12 months", "applies_to": "events", "event_types": ["order.payment.*"],
    "retain_for": "P12M", "legal_basis": "PCI DSS 10.5.1", "action": "redact", "duty": True,
}  # fmt: skip


async def paid(shop: Shop) -> None:
    """An order of Ann's: a payment that has to be kept, one of long ago, and something else."""
    now = datetime.now(UTC)
    for event_id, kind, days in (
        ("new", "order.payment.failed", 10),
        ("old", "order.payment.failed", 500),
        ("note", "order.created", 10),
    ):
        at = (now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        payload = {"customer_id": "cust_ann", "note": f"of {event_id}"}
        await shop.record("ord_1", event_id=event_id, type=kind, occurred_at=at, payload=payload)


async def policy(shop: Shop, **changed: Any) -> str:
    body = {**PAYMENTS, **changed}
    made = await shop.as_role("admin").post(f"{BASE}/retention/policies", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["policy_id"])


async def notes(shop: Shop) -> dict[str, Any]:
    timeline = await shop.read("/orders/ord_1/timeline", "admin")
    return {one["event_id"]: one["payload"]["note"] for one in timeline["items"]}


GONE: Json = {"erased": True}


async def test_what_must_be_kept_is_kept_and_told(shop: Shop) -> None:
    await paid(shop)
    policy_id = await policy(shop)
    report = (await erase(shop, "cust_ann"))["result"]
    assert report["orders"] == {"found": 1, "erased": 0, "retained": 1}
    assert await notes(shop) == {"new": "of new", "old": GONE, "note": GONE}
    (retained,) = report["retained"]
    until = retained.pop("until")
    assert retained == {
        "order_id": "ord_1", "ground": "retention duty", "policy_ids": [policy_id], "events": 1,
    }  # fmt: skip
    assert report["waits_for"]["duty_over_at"] == until
    left = datetime.fromisoformat(until) - datetime.now(UTC)
    assert timedelta(days=350) < left < timedelta(days=357)
    for event in ("new", "old", "note"):
        verified = await shop.read(f"/events/{event}/verify", "admin")
        assert verified["verified"], verified


async def test_it_goes_once_no_policy_keeps_it(house: House, shop: Shop) -> None:
    await paid(shop)
    policy_id = await policy(shop)
    first = await erase(shop, "cust_ann")
    admin = shop.as_role("admin")
    async with writing(house.settings, "chore") as side:
        resume = end_of_duties(side)
        await resume()
        assert len(await erasures(shop)) == 1, "it is not over yet"
        answer = await admin.delete(f"{BASE}/retention/policies/{policy_id}")
        assert answer.status_code == 204, answer.text
        await resume()
        await resume()
    await resumed(shop, "erasure")
    last, earlier = await erasures(shop)
    assert earlier["job_id"] == first["job_id"]
    assert last["result"]["orders"] == {"found": 1, "erased": 1, "retained": 0}
    assert await notes(shop) == {"new": GONE, "old": GONE, "note": GONE}
    verified = await shop.read("/events/new/verify", "admin")
    assert verified["verified"], verified


async def erasures(shop: Shop) -> list[Json]:
    """Of the tenant, the newest first."""
    answer = await shop.as_role("admin").get(f"{BASE}/jobs", params={"kind": "erasure"})
    return list(answer.json()["items"])


async def test_who_asks_for_access_is_told_how_long_things_are_kept(shop: Shop) -> None:
    await paid(shop)
    policy_id = await policy(shop)
    await policy(shop, name="Not in force", event_types=["order.note.added"], duty=False)
    (kept,) = of_kind(await export(shop, "cust_ann"), "kept")
    assert kept == {
        "kind": "kept", "ground": "retention policy", "until": None, "policy_id": policy_id,
        "applies_to": "events", "event_types": ["order.payment.*"], "retain_for": "P12M",
        "counted_from": "occurred_at", "duty": True, "action": "redact",
        "legal_basis": "PCI DSS 10.5.1",
    }  # fmt: skip
