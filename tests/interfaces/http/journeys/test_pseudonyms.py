"""A person is given pseudonyms: every reader sees them, every proof holds, and all comes back."""

from __future__ import annotations

import re

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
from tests.interfaces.http.journeys.house import Shop, states
from tests.interfaces.http.journeys.planted import stored
from tests.interfaces.http.journeys.pseudonymizing import (
    created,
    files,
    pseudonymize,
    put_back,
    shown,
)
from tests.interfaces.http.journeys.retaining import place_hold, release
from tests.interfaces.http.journeys.test_subject_access import export, of_kind

pytestmark = pytest.mark.anyio

PSEUDONYM = re.compile(r"pn-[a-z2-7]{16}")
ADDRESS = re.compile(r"pn-[a-z2-7]{16}@pseudonym\.invalid")


async def test_every_reader_sees_the_same_pseudonyms(shop: Shop) -> None:
    await told(shop)
    report = await pseudonymize(shop, "cust_ann", reason="less is enough")
    assert report["orders"] == {"found": 2, "pseudonymised": 2, "retained": 0}
    assert report["retained"] == []
    assert report["values"] > 10
    for store in report["stores"]:
        assert store.get("left") in (0, None), store
        assert store.get("lacking") in (0, None), store

    first, second = await created(shop, "evt_1"), await created(shop, "evt_3")
    assert first["customer"] == second["customer"]
    assert first["customer"]["id"] == "cust_ann"  # a surrogate
    assert ADDRESS.fullmatch(first["customer"]["email"])
    assert PSEUDONYM.fullmatch(first["customer"]["name"])
    assert first["customer"]["name"] == first["shipping_address"]["name"]
    assert (first["shipping_address"]["country"], first["total_minor"]) == ("GB", 100)
    state = await shop.read("/orders/ann_1/snapshot", "admin")
    assert state["state"]["customer"] == first["customer"]
    snapshot = (await shop.get("/snapshots/snap", "admin")).json()
    assert snapshot["state"]["customer"] == first["customer"]
    timeline = (await shop.get("/orders/ann_1/timeline", "admin")).text
    assert not [value for value in OF_ANN if value in timeline]
    assert first["customer"]["email"] in timeline
    assert "203.0.113.5" in timeline  # from where an agent wrote
    assert "erased" not in timeline
    assert '{"masked":true}' in (await shop.get("/orders/ann_1/timeline")).text

    assert set(await found(shop, first["customer"]["email"])) == {"ann_1", "ann_2"}
    assert set(await found(shop, first["customer"]["phone"])) == {"ann_1", "ann_2"}
    assert await found(shop, ANN["email"]) == ["ben_1"]
    assert "Ann Marlow" in (await shop.get("/orders/ben_1/timeline", "admin")).text


async def test_every_proof_holds_and_says_what_is_not_shown(shop: Shop) -> None:
    await told(shop)
    before = {
        event: (await shop.get(f"/events/{event}/bytes", "admin")).content
        for event in ("evt_1", "evt_2", "evt_3", "evt_5")
    }
    await pseudonymize(shop, "cust_ann")
    for event, bytes_ in before.items():
        assert (await shop.get(f"/events/{event}/bytes", "admin")).content == bytes_
        kept = {"/metadata/ip"} if event == "evt_2" else set()
        for pointer, state_ in (await states(shop, event)).items():
            expected = "matches" if pointer in kept or event == "evt_5" else "masked"
            assert state_ == expected, pointer


async def test_who_is_named_by_others_gets_the_same_pseudonym_there(shop: Shop) -> None:
    await told(shop)
    report = await pseudonymize(shop, "Ann.Marlow@Example.org")
    assert report["orders"] == {"found": 3, "pseudonymised": 3, "retained": 0}
    assert not [value for value in OF_ANN[:5] if value in await everything(shop)]
    own, other = await created(shop, "evt_1"), await created(shop, "evt_5")
    assert other["shipping_address"]["email"] == own["customer"]["email"]
    assert other["shipping_address"]["name"] == own["customer"]["name"]
    assert other["customer"] == BEN
    assert await found(shop, ANN["email"]) == []
    assert set(await found(shop, own["customer"]["email"])) == {"ann_1", "ann_2", "ben_1"}
    assert "198.51.100.7" in await everything(shop)  # she acts by her id, and was asked for by mail


async def test_what_was_replaced_comes_back_byte_for_byte(shop: Shop) -> None:
    await told(shop)
    before = await shown(shop)
    for subject in ("cust_ann", ANN["email"]):
        await pseudonymize(shop, subject)
    assert files(shop)
    assert await shown(shop) != before
    reports = [await put_back(shop, subject) for subject in ("cust_ann", ANN["email"])]
    assert [one["orders"]["found"] for one in reports] == [2, 3]
    assert [one["orders"]["put_back"] for one in reports] == [2, 1]
    assert all(store.get("left") == 0 for one in reports for store in one["stores"])
    assert files(shop) == []
    assert await shown(shop) == before
    for event in ("evt_1", "evt_2", "evt_5", "evt_6"):
        assert set((await states(shop, event)).values()) == {"matches"}
    assert set(await found(shop, ANN["email"])) == {"ann_1", "ann_2", "ben_1"}


async def test_asking_again_does_nothing_more_and_takes_what_came_since(shop: Shop) -> None:
    await told(shop)
    await pseudonymize(shop, "cust_ann")
    first = await created(shop, "evt_1")
    assert (await pseudonymize(shop, "cust_ann"))["values"] == 0
    assert await created(shop, "evt_1") == first
    await shop.record("ann_1", event_id="later", type="order.note.added", payload={"note": "Ann!"})
    assert (await shop.read("/events/later", "admin"))["payload"] == {"note": "Ann!"}
    assert (await states(shop, "later")) == {"/payload/note": "matches"}
    assert (await pseudonymize(shop, "cust_ann"))["values"] == 1
    assert PSEUDONYM.fullmatch((await shop.read("/events/later", "admin"))["payload"]["note"])
    assert await created(shop, "evt_1") == first
    await told_again(shop)


async def test_nothing_that_is_stored_tells_of_the_person_in_plain(shop: Shop) -> None:
    await told(shop)
    path = await rejected(shop)
    for subject in (ANN["email"], "cust_ann"):
        await pseudonymize(shop, subject, reason="asked by ann")
    assert not (await shop.as_role("producer").get(path)).json()["items"]
    for text in (stored(shop.house).encode(), *files(shop)):
        for value in OF_ANN:
            assert value.encode() not in text, value
    assert not list((shop.house.settings.data_dir / "keys" / "jobs").glob("*.subject.key"))


async def test_who_is_erased_after_that_is_gone_everywhere(shop: Shop) -> None:
    await told(shop)
    await pseudonymize(shop, ANN["email"])
    pseudonym = (await created(shop, "evt_1"))["customer"]["email"]
    job = await erase(shop, ANN["email"])
    assert job["status"] == "succeeded", job
    assert job["result"]["orders"] == {"found": 3, "erased": 2, "retained": 0}
    assert {"store": "mapping of pseudonyms", "left": 0} in job["result"]["stores"]
    text = await everything(shop)
    assert not PSEUDONYM.search(text)
    assert "ben@example.org" in text
    assert await found(shop, pseudonym) == []
    assert files(shop) == []
    for event in ("evt_1", "evt_3"):
        assert set((await states(shop, event)).values()) <= {"erased", "matches"}
    assert (await states(shop, "evt_1"))["/payload/customer/email"] == "erased"
    await put_back(shop, "cust_ann")
    assert not [value for value in OF_ANN[:5] if value in await everything(shop)]


async def test_a_part_that_is_erased_leaves_the_rest_of_what_is_kept_apart(shop: Shop) -> None:
    """Of an order with two persons, both with pseudonyms, one is erased."""
    await told(shop)
    await pseudonymize(shop, ANN["email"])
    await pseudonymize(shop, "cust_ben")
    assert (await created(shop, "evt_5"))["customer"] != BEN
    await erase(shop, ANN["email"])
    await put_back(shop, "cust_ben")
    order = await created(shop, "evt_5")
    assert order["customer"] == BEN
    assert order["shipping_address"]["name"] == {"erased": True}
    assert files(shop) == []


async def test_what_is_held_is_retained_and_goes_on_after_the_release(shop: Shop) -> None:
    await told(shop)
    hold_id = await place_hold(shop, target_id="ann_1")
    report = await pseudonymize(shop, "cust_ann")
    assert report["orders"] == {"found": 2, "pseudonymised": 1, "retained": 1}
    held = {"ground": "legal hold", "hold_ids": [hold_id]}
    assert report["retained"] == [{"subject": True, **held}, {"order_id": "ann_1", **held}]
    assert (await created(shop, "evt_1"))["customer"] == ANN
    assert (await created(shop, "evt_3"))["customer"] != ANN
    await release(shop, hold_id)
    job = await resumed(shop, "pseudonymisation")
    assert job["result"]["orders"] == {"found": 2, "pseudonymised": 1, "retained": 0}
    assert (await created(shop, "evt_1"))["customer"] == (await created(shop, "evt_3"))["customer"]


async def test_who_asks_for_their_data_is_found_and_given_pseudonyms(shop: Shop) -> None:
    """By the address that stands for theirs: what it stands for is for another right to see."""
    await told(shop)
    before = await export(shop, ANN["email"])
    await pseudonymize(shop, ANN["email"])
    after = await export(shop, ANN["email"])
    for kind, count in (("event", 4), ("named", 2), ("snapshot", 1)):
        assert len(of_kind(after, kind)) == len(of_kind(before, kind)) == count
    assert of_kind(after, "event")[0]["payload"] == await created(shop, "evt_1")
    told_of = str(of_kind(after, "event", "named", "snapshot"))
    assert not [value for value in OF_ANN[:5] if value in told_of]
