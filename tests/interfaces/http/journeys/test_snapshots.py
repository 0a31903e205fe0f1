"""Snapshots of an order's state: uploaded, listed, deleted."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.interfaces.http.journeys.house import BASE, Json, Shop, pointers
from tests.interfaces.http.journeys.snapping import STATE, delete, snapshot, upload

pytestmark = pytest.mark.anyio


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


async def test_the_event_names_the_state_by_its_hash(shop: Shop) -> None:
    state = {"b": 1, "a": [1.5, "ö"]}
    await upload(shop, snapshot(state=state))
    (event,) = await shop.walk("/events", type="history.*")
    canonical = '{"a":[1.5,"ö"],"b":1}'.encode()
    assert event["payload"]["sha256"] == hashlib.sha256(canonical).hexdigest()


async def test_an_upload_does_not_pass_as_computed(shop: Shop) -> None:
    answer = await upload(shop, snapshot(source="order-history"))
    assert answer.status_code == 422
    assert pointers(answer) == ["/source"]
    assert await shop.head() == 0
