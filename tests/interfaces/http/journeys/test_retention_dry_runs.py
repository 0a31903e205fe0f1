"""What a dry run tells of what a policy would touch, now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.interfaces.http.journeys.house import BASE, House, Json, Shop
from tests.interfaces.http.journeys.retaining import (
    PATH,
    PAYMENTS,
    SNAPSHOTS,
    asked,
    changed,
    enabled,
    ended,
    made,
    report,
    seen,
)

pytestmark = pytest.mark.anyio
FAILED: Json = {"type": "order.payment.failed", "payload": {"reason": "Jane Roe"}}
JANE: Json = {"note": "Jane Roe"}
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


async def test_a_dry_run_tells_what_it_would_touch(shop: Shop) -> None:
    await shop.record("ord_1", **FAILED, occurred_at="2025-01-03T10:00:00Z")
    await shop.record("ord_1", **FAILED, occurred_at="2025-01-02T10:00:00.5Z")
    await shop.record("ord_1", type="order.note.added", payload=JANE)
    await shop.record("ord_2", **FAILED, occurred_at="2025-01-01T10:00:00Z")
    await shop.record("ord_2", type="order.payment.failed", payload={"attempt": 1})  # nobody's
    await shop.record("ord_3", **FAILED, occurred_at=f"{YESTERDAY}T10:00:00Z")  # not due
    await shop.record("held", **FAILED, occurred_at="2024-12-01T10:00:00Z")
    hold = {"target": "order", "target_id": "held", "case_id": "case_1"}
    placed = await shop.as_role("admin").post(f"{BASE}/legal-hold", json=hold)
    policy = await made(shop)
    found = await report(shop, policy, dry_run=True)
    assert (found["orders"], found["events"]) == (2, 3)
    assert (found["oldest"], found["newest"]) == ("2025-01-01T10:00:00Z", "2025-01-03T10:00:00Z")
    hold_ids = [placed.json()["hold_id"]]
    assert found["held"] == {"orders": 1, "events": 1, "holds": hold_ids}
    assert found["kept"] == {"events": 0, "policies": []}
    assert [one["order_id"] for one in found["samples"]] == ["ord_2", "ord_1"]
    assert found["samples"][1] == {
        "order_id": "ord_1", "event_id": "evt_2", "sequence": 2, "type": "order.payment.failed",
        "occurred_at": "2025-01-02T10:00:00.500Z", "due_since": "2025-07-02T10:00:00.500Z",
    }  # fmt: skip
    assert (found["policy_id"], found["policy_version"], found["dry_run"]) == (
        policy["policy_id"], 1, True,
    )  # fmt: skip
    text = (await shop.get("/events", "admin", type="order.payment.*")).text
    assert text.count("Jane Roe") == 5
    last = (await seen(shop, policy))["last_dry_run"]
    assert (last["policy_version"], last["numbers"]["events"]) == (1, 3)
    assert last["numbers"]["held_events"] == 1
    (act,) = await shop.walk("/audit", "auditor", type="history.retention.evaluated")
    assert (act["target"], act["sequence"]) == (
        f"retention-policy/{policy['policy_id']}", last["sequence"],
    )  # fmt: skip
    assert act["after"]["dry_run"] is True


async def test_time_is_counted_from_what_the_policy_says(shop: Shop) -> None:
    await shop.record(**FAILED, occurred_at="2020-01-01T10:00:00Z")
    policy = await made(shop, counted_from="received_at")
    assert (await report(shop, policy, dry_run=True))["events"] == 0
    await changed(shop, policy, counted_from="occurred_at")
    assert (await report(shop, policy, dry_run=True))["events"] == 1


async def test_what_another_policy_must_keep_is_told(shop: Shop) -> None:
    await shop.record(**FAILED)
    redact = await made(shop, retain_for="P7M")
    keep = await made(
        shop, name="keep", duty=True, action="archive", counted_from="received_at",
        event_types=["order.payment.failed"],
    )  # fmt: skip
    found = await report(shop, redact, dry_run=True)
    assert (found["orders"], found["events"], found["samples"]) == (0, 0, [])
    assert found["kept"] == {"events": 1, "policies": [keep["policy_id"]]}


async def test_snapshots_are_counted_too(shop: Shop) -> None:
    producer = shop.as_role("producer")
    for number, (day, state) in enumerate(
        [("2025-01-02", JANE), ("2025-01-01", {}), (YESTERDAY, JANE)], 1
    ):
        body = {
            "snapshot_id": f"snap_{number}", "captured_at": f"{day}T00:00:00Z", "source": "shop",
            "state": {**state, "customer_id": f"cust_{number}"},
        }  # fmt: skip
        path = f"{BASE}/orders/ord_1/snapshots"
        assert (await producer.post(path, json=body)).status_code == 201
    purge = await made(shop, SNAPSHOTS, retain_for="P7M")
    found = await report(shop, purge, dry_run=True)
    assert (found["orders"], found["snapshots"]) == (1, 2)
    assert [one["snapshot_id"] for one in found["samples"]] == ["snap_2", "snap_1"]
    hold = {"target": "subject", "target_id": "cust_2", "case_id": "case_1"}
    assert (await shop.as_role("admin").post(f"{BASE}/legal-hold", json=hold)).status_code == 201
    found = await report(shop, purge, dry_run=True)
    assert (found["snapshots"], found["held"]["snapshots"]) == (1, 1)
    redact = await made(shop, SNAPSHOTS, action="redact")
    found = await report(shop, redact, dry_run=True)
    assert [one["snapshot_id"] for one in found["samples"]] == ["snap_1"]


@pytest.mark.parametrize(
    ("body", "waits_for"),
    [
        ({**PAYMENTS, "action": "archive"}, "archive"),
        ({**SNAPSHOTS, "action": "archive"}, "archive"),
        ({**SNAPSHOTS, "applies_to": "attachments", "action": "purge"}, "attachments"),
    ],
)
async def test_what_cannot_be_done_yet_is_pending(shop: Shop, body: Json, waits_for: str) -> None:
    await shop.record(type="order.payment.failed", payload={"reason": "Jane Roe"})
    policy = await made(shop, body)
    assert (policy["status"], policy["waits_for"]) == ("pending", waits_for)
    active = await enabled(shop, policy)
    assert (active["status"], active["enabled"]) == ("pending", True)
    for dry_run in (True, False):
        found = await report(shop, policy, dry_run=dry_run)
        assert "nothing is done until" in found["pending"]
    assert "Jane Roe" in (await shop.get("/events", "admin")).text


async def test_an_equal_request_joins_the_one_under_way(shop: Shop, house: House) -> None:
    policy = await made(shop)
    url = house.settings.database_url
    async with await psycopg.AsyncConnection.connect(url) as connection:
        # Until this ends, nothing comes onto the ledger: what the dry run came to, neither.
        await connection.execute("select 1 from cell_0.append_lock for update")
        first = await asked(shop, policy, dry_run=True)
        again = await shop.as_role("admin").post(f"{PATH}/{policy['policy_id']}/runs")
    assert again.json()["job_id"] == first["job_id"]
    assert again.headers["idempotency-replayed"] == "true"
    await ended(shop, first)
    assert (await asked(shop, policy, dry_run=True))["job_id"] != first["job_id"]
