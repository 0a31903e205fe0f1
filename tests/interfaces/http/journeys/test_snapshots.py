"""Snapshots of an order's state: uploaded, computed, listed, deleted."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import httpx
import pytest

from application.orders.as_of import Question
from domain.errors import Conflict
from tests.interfaces.http.journeys.house import BASE, Json, Shop, pointers

pytestmark = pytest.mark.anyio

STATE = {
    "status": "paid",
    "total_minor": 100,
    "customer": {"id": "c", "name": "Jo Roe", "email": "jo@example.org"},
    "memo": "4111 1111 1111 1111",
}


def snapshot(snapshot_id: str = "snap_1", **changed: Any) -> Json:
    body = {
        "snapshot_id": snapshot_id,
        "captured_at": "2025-01-01T12:00:00Z",
        "source": "shop",
        "state": STATE,
        **changed,
    }
    return {name: value for name, value in body.items() if value is not None}


async def upload(shop: Shop, body: Json, order_id: str = "ord_1") -> httpx.Response:
    path = f"{BASE}/orders/{order_id}/snapshots"
    return await shop.as_role("producer").post(path, json=body)


async def delete(shop: Shop, snapshot_id: str = "snap_1") -> httpx.Response:
    return await shop.as_role("admin").delete(f"{BASE}/snapshots/{snapshot_id}")


async def test_an_upload_is_kept_and_its_hash_is_on_the_ledger(shop: Shop) -> None:
    await shop.record()
    answer = await upload(shop, snapshot("a/1"))
    assert answer.status_code == 201
    item = answer.json()
    assert answer.headers["location"] == f"{BASE}/snapshots/a%2F1"
    assert item["sequence"] == 2
    assert (await shop.read("/orders/ord_1/snapshots"))["items"] == [item]
    seen = await shop.read("/snapshots/a%2F1", "support")
    assert seen["state"] == {**STATE, "memo": "[PAN ****1111]"}
    (event,) = await shop.walk("/events", type="history.snapshot.*")
    assert event["type"] == "history.snapshot.captured"
    assert event["sequence"] == 2
    assert event["payload"]["snapshot_id"] == "a/1"
    assert event["payload"]["size_bytes"] == item["size_bytes"]
    assert await shop.walk("/events") == [await shop.read("/events/evt_1")]


async def test_masked_and_unmasked(shop: Shop) -> None:
    await upload(shop, snapshot(metadata={"ip": "192.0.2.1", "by": "svc"}))
    masked = await shop.get("/snapshots/snap_1")
    assert masked.json()["state"]["customer"] == {
        "id": "c", "name": {"masked": True}, "email": {"masked": True},
    }  # fmt: skip
    assert masked.json()["metadata"] == {"ip": {"masked": True}, "by": "svc"}
    assert not any(word in masked.text for word in ("Jo", "jo@", "192.0.2", "_sd", "4111 "))
    seen = await shop.get("/snapshots/snap_1", "investigator")
    assert seen.json()["state"]["customer"] == STATE["customer"]
    assert seen.json()["metadata"] == {"ip": "192.0.2.1", "by": "svc"}
    assert seen.headers["etag"] != masked.headers["etag"]


async def test_the_same_again_and_other_content(shop: Shop) -> None:
    metadata = {"by": "svc", "ip": "192.0.2.1"}
    first = await upload(shop, snapshot(metadata=metadata))
    again = await upload(shop, snapshot(metadata=metadata, captured_at="2025-01-01T13:00:00+01:00"))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.content, again.headers["location"]) == (first.content, first.headers["location"])
    for body, order_id in (
        (snapshot(metadata=metadata, state={**STATE, "status": "new"}), "ord_1"),
        (snapshot(metadata=metadata, source="else"), "ord_1"),
        (snapshot(metadata=metadata, captured_at="2025-01-01T12:00:00.000001Z"), "ord_1"),
        (snapshot(metadata={**metadata, "ip": "192.0.2.2"}), "ord_1"),
        (snapshot(), "ord_1"),
        (snapshot(metadata=metadata), "ord_2"),
    ):
        other = await upload(shop, body, order_id)
        assert other.status_code == 409, body
        assert pointers(other) == []
    assert await shop.head() == 1


@pytest.mark.parametrize("order_id", ["jo@example.org", "o" * 201])
async def test_an_order_id_that_no_order_can_have_is_refused(shop: Shop, order_id: str) -> None:
    answer = await upload(shop, snapshot(), order_id)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["in"], error["pointer"]) == ("path", "/order_id")
    assert "jo@" not in error["detail"]
    assert await shop.head() == 0


async def test_the_list_goes_by_time_and_page(shop: Shop) -> None:
    times = ["2025-01-03T00:00:00Z", "2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z"]
    for number, captured_at in enumerate(times * 2):
        await upload(shop, snapshot(f"snap_{number}", captured_at=captured_at))
    await upload(shop, snapshot("other"), "ord_2")
    listed = await shop.walk("/orders/ord_1/snapshots", limit=4)
    found = [item["snapshot_id"] for item in listed]
    assert found == ["snap_1", "snap_4", "snap_2", "snap_5", "snap_0", "snap_3"]
    assert all("state" not in item for item in listed)


async def test_deleting_leaves_a_tombstone(shop: Shop) -> None:
    await upload(shop, snapshot())
    etag = (await shop.get("/snapshots/snap_1")).headers["etag"]
    gone = await delete(shop)
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await delete(shop)).status_code == 404
    for headers in ({}, {"If-None-Match": etag}):
        answer = await shop.get("/snapshots/snap_1", "support", headers=headers)
        assert answer.status_code == 404
    assert (await shop.get("/orders/ord_1/snapshots")).status_code == 404  # it has no events
    events = await shop.walk("/events", "support", type="history.snapshot.*")
    assert [event["type"].rsplit(".")[-1] for event in events] == ["captured", "deleted"]
    assert events[1]["payload"]["snapshot_id"] == "snap_1"
    assert events[1]["metadata"] == {"actor_id": "a admin"}
    assert "Jo" not in json.dumps(events)
    again = await upload(shop, snapshot())
    assert again.status_code == 409
    assert await shop.head() == 2


async def test_a_stored_snapshot_never_changes_an_answer(shop: Shop) -> None:
    await shop.record(type="order.created", payload={"total_minor": 5})
    known = (await shop.read("/orders/ord_1/snapshot"))["metadata"]["event_sequence"]
    questions: list[Json] = [{}, {"at": "2025-01-01T12:30:00Z"}, {"known_sequence": known}]

    async def answers() -> list[Any]:
        told = [await shop.read("/orders/ord_1/snapshot", **query) for query in questions]
        return [(answer["state"], answer["metadata"]) for answer in told]

    before = await answers()
    await upload(shop, snapshot(state={"status": "shipped", "total_minor": 9}))
    assert await answers() == before
    await delete(shop)
    assert await answers() == before


async def test_a_snapshot_is_computed_by_a_job(shop: Shop) -> None:
    await shop.record(type="order.created", payload={"customer": {"id": "c", "name": "Jo"}})
    await shop.record(type="order.shipped", occurred_at="2025-01-03T00:00:00Z")
    asked = {"order_id": "ord_1", "snapshot_id": "made", "at": "2025-01-02T00:00:00Z"}
    investigator = shop.as_role("investigator")
    accepted = await investigator.post(f"{BASE}/snapshots/compute", json=asked)
    assert accepted.status_code == 202
    job = await finished(investigator, accepted.headers["location"])
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
    job = await finished(investigator, accepted.headers["location"])
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
    job = await finished(investigator, accepted.headers["location"])
    assert job["status"] == "failed"
    assert job["errors"]


async def finished(client: httpx.AsyncClient, location: str) -> Json:
    """The job, once it is over."""
    async with asyncio.timeout(20):
        while True:
            job = (await client.get(location)).json()
            if job["finished_at"] is not None:
                return dict(job)
            await asyncio.sleep(0.02)


async def test_the_event_names_the_state_by_its_hash(shop: Shop) -> None:
    state = {"b": 1, "a": [1.5, "ö"]}
    await upload(shop, snapshot(state=state))
    (event,) = await shop.walk("/events", type="history.*")
    canonical = '{"a":[1.5,"ö"],"b":1}'.encode()
    assert event["payload"]["sha256"] == hashlib.sha256(canonical).hexdigest()


async def compute(shop: Shop, asked: Json, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await shop.as_role("investigator").post(
        f"{BASE}/snapshots/compute", json=asked, headers=headers
    )


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
    first = await finished(investigator, (await compute(shop, asked)).headers["location"])
    assert first["status"] == "succeeded"
    again = await finished(investigator, (await compute(shop, asked)).headers["location"])
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


async def test_an_upload_does_not_pass_as_computed(shop: Shop) -> None:
    answer = await upload(shop, snapshot(source="order-history"))
    assert answer.status_code == 422
    assert pointers(answer) == ["/source"]
    assert await shop.head() == 0
