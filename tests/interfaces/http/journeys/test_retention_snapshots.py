"""Snapshots that are due go, or what is personal in them."""

from __future__ import annotations

import pytest

from application.snapshots.deleting import DeleteSnapshot
from domain.audit.acts import Doer
from tests.interfaces.http.journeys.house import BASE, House, Shop
from tests.interfaces.http.journeys.retaining import (
    CREATED,
    MAIL,
    SNAPSHOTS,
    asked,
    changed,
    enabled,
    ended,
    jobs_of,
    made,
    old_key,
    place_hold,
    release,
    report,
    snapshot,
)

pytestmark = pytest.mark.anyio


async def test_snapshots_are_purged_with_a_tombstone(shop: Shop) -> None:
    await snapshot(shop, "snap_1", customer={"id": "cust_1", "email": MAIL})
    await snapshot(shop, "snap_2", "held", customer={"id": "cust_2", "email": MAIL})
    await snapshot(shop, "snap_3", customer={"id": "cust_3", "email": MAIL})
    holds = {await place_hold(shop), await place_hold(shop, target="subject", target_id="cust_3")}
    policy = await enabled(shop, await made(shop, SNAPSHOTS))
    result = await report(shop, policy, dry_run=False)
    assert (result["snapshots"], result["held"]["snapshots"]) == (1, 2)
    assert set(result["held"]["holds"]) == holds
    statuses = [
        (await shop.get(f"/snapshots/snap_{number}", "admin")).status_code for number in (1, 2, 3)
    ]
    assert statuses == [404, 200, 200]
    (tombstone,) = await shop.walk("/events", "admin", type="history.snapshot.deleted")
    assert tombstone["payload"]["snapshot_id"] == "snap_1"
    for hold_id in holds:
        await release(shop, hold_id)
    runs = await jobs_of(shop, policy)
    assert sum(run["result"]["snapshots"] for run in runs) == 3
    assert (await shop.get("/snapshots/snap_3", "admin")).status_code == 404


async def test_of_snapshots_what_is_personal_is_redacted(shop: Shop, house: House) -> None:
    await shop.record("ord_1", **CREATED)
    await snapshot(shop, "snap_1", customer={"id": "cust_1", "email": MAIL}, total_minor=5)
    key = old_key(house, shop, "order", "ord_1")
    policy = await enabled(shop, await made(shop, SNAPSHOTS, action="redact"))
    result = await report(shop, policy, dry_run=False)
    assert result["snapshots"] == 1
    state = (await shop.read("/snapshots/snap_1", "admin"))["state"]
    assert state["customer"]["email"] == {"erased": True}
    assert state["total_minor"] == 5
    assert "ben@example.org" in (await shop.get("/orders/ord_1/timeline", "admin")).text
    new = old_key(house, shop, "order", "ord_1")
    assert new[0] != key[0]
    assert new[1] != key[1]
    assert (await report(shop, policy, dry_run=False))["snapshots"] == 0


async def test_nobody_deletes_a_snapshot_that_a_duty_keeps(shop: Shop) -> None:
    await snapshot(shop, "snap_1", customer={"id": "cust_1", "email": MAIL})
    policy = await made(shop, SNAPSHOTS, retain_for="P50Y", duty=True)
    client = shop.as_role("admin")
    refused = await client.delete(f"{BASE}/snapshots/snap_1")
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/must-be-kept")
    assert policy["policy_id"] in refused.json()["detail"]
    assert (await shop.get("/snapshots/snap_1", "admin")).status_code == 200
    await client.delete(f"{BASE}/retention/policies/{policy['policy_id']}")
    assert (await client.delete(f"{BASE}/snapshots/snap_1")).status_code == 204


async def test_a_run_stops_at_once_when_its_policy_is_disabled(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        await snapshot(shop, f"snap_{number}", customer={"id": "cust_1", "email": MAIL})
    policy = await enabled(shop, await made(shop, SNAPSHOTS))
    real = DeleteSnapshot.__call__
    deleted: list[str] = []

    async def disabled_then(
        self: DeleteSnapshot, tenant_id: str, doer: Doer, snapshot_id: str
    ) -> bool:
        done = await real(self, tenant_id, doer, snapshot_id)
        if tenant_id == shop.tenant:
            deleted.append(snapshot_id)
            await changed(shop, policy, enabled=False)
        return done

    monkeypatch.setattr(DeleteSnapshot, "__call__", disabled_then)
    job = await ended(shop, await asked(shop, policy, dry_run=False))
    assert (job["status"], deleted) == ("failed", ["snap_1"])
    assert "not enabled" in job["errors"][0]["detail"]
