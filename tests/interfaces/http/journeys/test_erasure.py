"""A person is forgotten: nothing of it is left in any store, and every proof holds as before."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import psycopg
import pytest

from tests.interfaces.http.journeys.erasing import (
    ANN,
    BEN,
    OF_ANN,
    erase,
    everything,
    found,
    rejected,
    resumed,
    told,
    told_again,
)
from tests.interfaces.http.journeys.house import BASE, House, Shop, pointers
from tests.interfaces.http.journeys.planted import stored
from tests.interfaces.http.journeys.retaining import place_hold, release

pytestmark = pytest.mark.anyio


async def test_a_customer_is_forgotten_and_every_proof_holds(shop: Shop) -> None:
    await told(shop)
    before = {
        event: (await shop.get(f"/events/{event}/bytes", "admin")).content
        for event in ("evt_1", "evt_2", "evt_5")
    }
    assert set(await found(shop, ANN["email"])) == {"ann_1", "ann_2", "ben_1"}
    job = await erase(shop, "cust_ann", reason="user_request")
    assert job["status"] == "succeeded", job
    report = job["result"]
    assert report["orders"] == {"found": 2, "erased": 2, "retained": 0}
    assert report["retained"] == []
    assert all(store.get("left", 0) in (0, None) for store in report["stores"])

    for order in ("ann_1", "ann_2"):
        text = (await shop.get(f"/orders/{order}/timeline", "admin")).text
        assert not [value for value in OF_ANN if value in text]
        assert '{"erased":true}' in text
        state = await shop.read(f"/orders/{order}/snapshot", "admin")
        assert state["state"]["customer"]["id"] == "cust_ann"
    # What others did, and are, stays.
    assert "203.0.113.5" in (await shop.get("/orders/ann_1/timeline", "admin")).text
    assert "Ben Oakes" in (await shop.get("/orders/ben_1/timeline", "admin")).text
    assert await found(shop, ANN["email"]) == ["ben_1"]

    for event, bytes_ in before.items():
        assert (await shop.get(f"/events/{event}/bytes", "admin")).content == bytes_
        verified = await shop.read(f"/events/{event}/verify", "admin")
        assert verified["verified"], verified
        states = {one["pointer"]: one["state"] for one in verified["disclosures"]}
        # The note was about Ann; from where it was written is the agent's.
        kept = {"/metadata/ip"} if event == "evt_2" else set(states) if event == "evt_5" else set()
        assert {one for one in states if states[one] == "matches"} == kept
        assert {states[one] for one in set(states) - kept} <= {"erased"}


async def test_who_is_named_in_another_persons_order_is_forgotten_there(shop: Shop) -> None:
    await told(shop)
    job = await erase(shop, "Ann.Marlow@Example.org")
    assert job["status"] == "succeeded", job
    assert job["result"]["orders"] == {"found": 3, "erased": 2, "retained": 0}
    assert not [value for value in OF_ANN[:5] if value in await everything(shop)]
    assert await found(shop, ANN["email"]) == []
    # The order of the other person is re-keyed, not erased.
    timeline = (await shop.get("/orders/ben_1/timeline", "admin")).text
    for kept in ("ben@example.org", "Ben Oakes", "3 Elm Row"):
        assert kept in timeline
    for event in ("evt_5", "evt_6"):
        verified = await shop.read(f"/events/{event}/verify", "admin")
        assert verified["verified"], verified
    assert await found(shop, BEN["email"]) == ["ben_1"]
    await shop.record("ben_1", type="order.note.added", payload={"note": "rings twice"})
    assert "rings twice" in (await shop.get("/orders/ben_1/timeline", "admin")).text


async def test_nothing_that_is_stored_tells_of_the_person(shop: Shop) -> None:
    await told(shop)
    path = await rejected(shop)
    assert "ann.marlow" in (await shop.as_role("producer").get(path)).text
    for subject in (ANN["email"], "cust_ann"):
        assert (await erase(shop, subject, reason="asked by ann"))["status"] == "succeeded"
    rows = stored(shop.house)
    assert "cust_ann" in rows  # a surrogate: the ledger says what happened
    for value in OF_ANN:
        assert value not in rows, value
    assert not (await shop.as_role("producer").get(path)).json()["items"]
    keys = (shop.house.settings.data_dir / "keys" / "jobs").glob("*.subject.key")
    assert not list(keys)


async def test_old_keys_open_nothing_any_more(shop: Shop, house: House) -> None:
    """Whoever has the rows from before, as a replica or the WAL has, needs the bucket's key."""
    await told(shop)
    with psycopg.connect(house.settings.database_url, autocommit=True) as connection:
        ((bucket, was),) = connection.execute(
            "select bucket, bucket_key_id from cell_0.data_keys"
            " where tenant_id = %s and subject = %s", (shop.tenant, "ann_1"),
        ).fetchall()  # fmt: skip
        assert (await erase(shop, "cust_ann"))["status"] == "succeeded"
        path = house.settings.data_dir / "keys" / "tenants" / f"{shop.tenant}.keys"
        assert str(was).encode() not in path.read_bytes()
        left = connection.execute(
            "select count(*) from cell_0.data_keys where tenant_id = %s and bucket = %s"
            " and wrapped is not null and bucket_key_id = %s", (shop.tenant, bucket, was),
        ).fetchone()  # fmt: skip
    assert left == (0,)
    assert "Ben Oakes" in (await shop.get("/orders/ben_1/timeline", "admin")).text


async def test_what_comes_later_of_an_erased_order_is_not_kept(shop: Shop) -> None:
    await told(shop)
    await erase(shop, "cust_ann")
    await shop.record("ann_1", event_id="late", type="order.note.added", payload={"note": "Ann!"})
    event = await shop.read("/events/late", "admin")
    assert event["payload"] == {"note": {"erased": True}}
    verified = await shop.read("/events/late/verify", "admin")
    assert verified["verified"], verified
    await told_again(shop)


async def test_what_is_held_is_retained_and_the_rest_goes(shop: Shop) -> None:
    await told(shop)
    hold_id = await place_hold(shop, target_id="ann_1")
    report = (await erase(shop, "cust_ann"))["result"]
    assert report["orders"] == {"found": 2, "erased": 1, "retained": 1}
    held = {"ground": "legal hold", "hold_ids": [hold_id]}
    assert report["retained"] == [{"subject": True, **held}, {"order_id": "ann_1", **held}]
    assert "Ann Marlow" in (await shop.get("/orders/ann_1/timeline", "admin")).text
    assert "Ann Marlow" not in (await shop.get("/orders/ann_2/timeline", "admin")).text
    await release(shop, hold_id)
    job = await resumed(shop, "erasure")
    assert job["result"]["orders"] == {"found": 2, "erased": 1, "retained": 0}
    assert "Ann Marlow" not in (await shop.get("/orders/ann_1/timeline", "admin")).text
    verified = await shop.read("/events/evt_1/verify", "admin")
    assert verified["verified"], verified
    keys = (shop.house.settings.data_dir / "keys" / "jobs").glob("*.subject.key")
    assert not list(keys)


async def test_a_person_under_hold_is_retained_whole(shop: Shop) -> None:
    await told(shop)
    hold = {"target": "subject", "target_id": "cust_ann", "case_id": "case_1"}
    await shop.as_role("admin").post(f"{BASE}/legal-hold", json=hold)
    report = (await erase(shop, "cust_ann"))["result"]
    assert report["orders"] == {"found": 2, "erased": 0, "retained": 2}
    assert report["values"] == 0
    assert "198.51.100.7" in (await shop.get("/orders/ann_1/timeline", "admin")).text


async def test_nobody_found_is_a_report_that_says_so(shop: Shop) -> None:
    await shop.record(payload={"note": "Jane"})
    for subject in ("cust_nobody", "nobody@example.org"):
        job = await erase(shop, subject)
        assert (job["status"], job["result"]["orders"]["found"]) == ("succeeded", 0)
    assert "Jane" in (await shop.get("/orders/ord_1/timeline", "admin")).text


async def test_another_tenants_person_of_the_same_name_stays(shop: Shop) -> None:
    other = shop.house.shop()
    await told(shop)
    await told(other)
    await erase(shop, "cust_ann")
    assert "Ann Marlow" in (await other.get("/orders/ann_1/timeline", "admin")).text


async def test_who_asked_and_why_is_on_the_ledger_and_never_about_whom(shop: Shop) -> None:
    await told(shop)
    job = await erase(shop, ANN["email"], reason="user_request")
    (act,) = (await shop.read("/audit", "admin", type="history.erasure.*"))["items"]
    assert (act["type"], act["target"]) == (
        "history.erasure.requested", f"erasure/{job['job_id']}",
    )  # fmt: skip
    assert act["after"]["reason"] == "user_request"
    assert (await shop.read("/audit", "auditor", type="history.erasure.*"))["items"][0]["after"][
        "reason"
    ] == {"masked": True}
    facts = await shop.walk("/events", "admin", type="history.subject.erased")
    assert facts
    assert "cust_ann" not in str(facts) + str(job)


async def test_an_equal_request_under_way_is_joined(shop: Shop) -> None:
    await told(shop)
    client, path = shop.as_role("admin"), f"{BASE}/gdpr/erase-request"
    asked = [client.post(path, json={"subject_id": "cust_ann"}) for _ in range(3)]
    first, *others = [answer.json()["job_id"] for answer in await asyncio.gather(*asked)]
    for _ in range(200):
        if (await client.get(f"{BASE}/gdpr/{first}")).json()["status"] == "succeeded":
            break
        await asyncio.sleep(0.05)
    assert "Ann Marlow" not in (await shop.get("/orders/ann_1/timeline", "admin")).text
    for one in others:
        assert (await client.get(f"{BASE}/gdpr/{one}")).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/subject_id"),
        ({"subject_id": ""}, "/subject_id"),
        ({"subject_id": 7}, "/subject_id"),
        ({"subject_id": "no at@ll"}, "/subject_id"),
        ({"subject_id": "a\u0000"}, "/subject_id"),
        ({"subject_id": "c", "scope": "all"}, "/scope"),
        ({"subject_id": "c", "reason": ""}, "/reason"),
        ({"subject": "c"}, "/subject"),
        ([], ""),
    ],
)
async def test_what_is_wrong_is_told(shop: Shop, body: Any, pointer: str) -> None:
    answer = await shop.as_role("admin").post(f"{BASE}/gdpr/erase-request", json=body)
    assert answer.status_code == 422
    assert pointer in pointers(answer)


async def test_another_tenants_erasure_and_other_jobs_are_not_there(shop: Shop) -> None:
    job = await erase(shop, "cust_ann")
    other = shop.house.shop()
    for client, status in ((other.as_role("admin"), 404), (shop.as_role("auditor"), 403)):
        answer: httpx.Response = await client.get(f"{BASE}/gdpr/{job['job_id']}")
        assert answer.status_code == status
    reindexed = await shop.as_role("admin").post(f"{BASE}/jobs/reindex", json={})
    answer = await shop.as_role("admin").get(f"{BASE}/gdpr/{reindexed.json()['job_id']}")
    assert answer.status_code == 404
