"""Snapshots are computed by jobs: each question once, under one id."""

from __future__ import annotations

import asyncio

import pytest

from application.orders.as_of import Question
from domain.errors import Conflict
from tests.interfaces.http.journeys.house import BASE, Shop, over, pointers
from tests.interfaces.http.journeys.snapping import compute, snapshot, upload

pytestmark = pytest.mark.anyio


async def test_a_snapshot_is_computed_by_a_job(shop: Shop) -> None:
    await shop.record(type="order.created", payload={"customer": {"id": "c", "name": "Jo"}})
    await shop.record(type="order.shipped", occurred_at="2025-01-03T00:00:00Z")
    asked = {"order_id": "ord_1", "snapshot_id": "made", "at": "2025-01-02T00:00:00Z"}
    investigator = shop.as_role("investigator")
    accepted = await investigator.post(f"{BASE}/snapshots/compute", json=asked)
    assert accepted.status_code == 202
    job = await over(investigator, accepted.headers["location"])
    assert job["status"] == "succeeded"
    assert job["result"]["snapshot_id"] == "made"
    made = await shop.read("/snapshots/made", "support")
    told = await shop.read("/orders/ord_1/snapshot", "support", at=asked["at"])
    assert made["state"] == told["state"]
    assert made["captured_at"] in (asked["at"], "2025-01-02T00:00:00.000000Z")
    assert made["metadata"] == {
        "event_sequence": told["metadata"]["event_sequence"], "at": "2025-01-02T00:00:00.000000Z",
    }  # fmt: skip


async def test_what_is_personal_stays_so_under_the_names_of_a_state(shop: Shop) -> None:
    """A hold's `reason` is the state's `hold_reason`; a tracking number is there a field's name."""
    await shop.record(type="order.hold.placed", payload={"reason": "Jo Roe called"})
    await shop.record(
        type="order.shipment.in_transit", payload={"tracking_number": "4111111111111111"}
    )
    investigator = shop.as_role("investigator")
    asked = {"order_id": "ord_1", "snapshot_id": "made"}
    accepted = await investigator.post(f"{BASE}/snapshots/compute", json=asked)
    job = await over(investigator, accepted.headers["location"])
    assert (job["status"], job["errors"]) == ("succeeded", [])
    masked = (await shop.read("/snapshots/made"))["state"]
    assert masked["hold_reason"] == {"masked": True}
    assert list(masked["shipments"]) == ["4111111111111111"]
    assert (await shop.read("/snapshots/made", "support"))["state"]["hold_reason"] == (
        "Jo Roe called"
    )


async def test_computing_what_is_not_known_fails(shop: Shop) -> None:
    investigator = shop.as_role("investigator")
    accepted = await investigator.post(f"{BASE}/snapshots/compute", json={"order_id": "ord_0"})
    assert accepted.status_code == 202
    job = await over(investigator, accepted.headers["location"])
    assert job["status"] == "failed"
    assert job["errors"]


async def test_a_key_of_computing_belongs_to_one_request(shop: Shop) -> None:
    await shop.record()
    for asked in (
        {"order_id": "ord_1"},
        {"order_id": "ord_1", "snapshot_id": "s", "at": "2025-01-02T01:00:00.0+01:00"},
    ):
        key = f"k-{len(asked)}"
        first = await compute(shop, asked, key)
        same = {**asked, "at": "2025-01-02T00:00:00Z"} if "at" in asked else asked
        for again in (await compute(shop, same, key), await compute(shop, asked, key)):
            assert again.status_code == 202
            assert again.json()["job_id"] == first.json()["job_id"]
            assert again.headers["idempotency-replayed"] == "true"
            assert again.headers["location"] == first.headers["location"]
        assert "idempotency-replayed" not in first.headers
        for other in (
            {**asked, "order_id": "ord_2"},
            {**asked, "snapshot_id": "another"},
            {**asked, "at": "2025-01-03T00:00:00Z"},
            {**asked, "known_at": "2025-01-02T00:00:00Z"},
        ):
            answer = await compute(shop, other, key)
            assert answer.status_code == 422, other
            assert pointers(answer) == ["/Idempotency-Key"]
            assert answer.json()["errors"][0]["in"] == "header"


async def test_a_key_may_serve_two_endpoints(shop: Shop) -> None:
    await shop.record()
    await shop.as_role("admin").post(
        f"{BASE}/events/bulk",
        content=b"",
        headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": "k"},
    )
    answer = await shop.as_role("admin").post(
        f"{BASE}/snapshots/compute", json={"order_id": "ord_1"}, headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 202
    assert "idempotency-replayed" not in answer.headers


async def test_computing_under_a_taken_id_is_the_same_question_or_a_conflict(shop: Shop) -> None:
    await shop.record()
    await shop.record("ord_2")
    received = (await shop.record())["received_at"]
    asked = {
        "order_id": "ord_1", "snapshot_id": "s", "at": "2025-01-02T00:00:00Z",
        "known_at": received,
    }  # fmt: skip
    investigator = shop.as_role("investigator")
    first = await over(investigator, (await compute(shop, asked)).headers["location"])
    assert first["status"] == "succeeded"
    again = await over(investigator, (await compute(shop, asked)).headers["location"])
    assert again["result"] == first["result"]
    assert again["job_id"] != first["job_id"]
    for other in (
        {**asked, "order_id": "ord_2"},
        {**asked, "at": "2025-01-02T00:00:00.000001Z"},
        {**asked, "known_at": "2099-01-01T00:00:00Z"},
        {name: value for name, value in asked.items() if name != "known_at"},
        {"order_id": "ord_1", "snapshot_id": "s"},
    ):
        answer = await compute(shop, other)
        assert answer.status_code == 409, other
        assert pointers(answer) == []


async def test_computing_under_the_id_of_an_upload_is_a_conflict(shop: Shop) -> None:
    await shop.record()
    await upload(shop, snapshot("s", captured_at="2025-01-02T00:00:00Z"))
    asked = {"order_id": "ord_1", "snapshot_id": "s", "at": "2025-01-02T00:00:00Z"}
    assert (await compute(shop, asked)).status_code == 409


async def test_two_jobs_at_once_with_one_question_make_one_snapshot(shop: Shop) -> None:
    await shop.record()
    capture = shop.house.services.capture
    made = await asyncio.gather(
        *(capture.compute(shop.tenant, "me", "ord_1", "s", Question()) for _ in range(3))
    )
    assert len({row.sequence for row in made}) == 1
    assert await shop.head() == 2
    with pytest.raises(Conflict):
        await capture.compute(shop.tenant, "me", "ord_1", "s", Question(at_us=2**50))
