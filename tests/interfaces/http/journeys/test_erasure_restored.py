"""A backup from before an erasure is restored: the person stays forgotten."""

from __future__ import annotations

import pytest

from domain.errors import Unavailable
from infrastructure.erasure.rewrapping import Rewrap
from infrastructure.privacy.keyring import BUCKETS, bucket_of
from interfaces.composition.erasing import erase_again, telling_again
from interfaces.composition.writing import writing
from tests.interfaces.http.journeys.erasing import ANN, erase, found, rejected
from tests.interfaces.http.journeys.faults import failing_once
from tests.interfaces.http.journeys.house import House, Shop, opened
from tests.interfaces.http.journeys.planted import stored
from tests.interfaces.http.journeys.restoring import (
    Installation,
    before,
    reopened,
    signed_and_published,
    told_of_ann,
    told_on_the_ledger,
)

pytestmark = pytest.mark.anyio


async def test_it_is_erased_again_before_the_first_read(installation: Installation) -> None:
    async with installation.opened() as house:
        tenant = (await before(house)).tenant

    async def erasing(house: House) -> None:
        report = (await erase(Shop(house, tenant), "cust_ann"))["result"]
        assert report["orders"]["erased"] == 2

    async with installation.restored_after(erasing) as restored:
        async with opened(restored) as house:  # recording is refused: the ledger is behind
            shop = Shop(house, tenant)
            assert await told_of_ann(shop) == []
            assert await found(shop, ANN["email"]) == ["ben_1"]
            assert False in told_on_the_ledger(restored.database_url)
        await reopened(restored)
        async with writing(restored, "worker") as side:
            assert await telling_again(side)() == 3
            assert await telling_again(side)() == 0
        assert set(told_on_the_ledger(restored.database_url)) == {True}
        async with opened(restored) as house:
            shop = Shop(house, tenant)
            states = await shop.read("/events/evt_1/verify", "admin")
            assert states["verified"]
            assert {one["state"] for one in states["disclosures"]} == {"erased"}
            await shop.record("ann_1", event_id="later", payload={"note": "Ann Marlow"})
            assert await told_of_ann(shop) == []


async def test_a_rejected_line_of_theirs_is_erased_again(installation: Installation) -> None:
    async with installation.opened() as house:
        shop = await before(house)
        path = await rejected(shop)
        await signed_and_published(house)

    async def erasing(house: House) -> None:
        await erase(Shop(house, shop.tenant), ANN["email"])

    async with installation.restored_after(erasing) as restored, opened(restored) as house:
        answer = await Shop(house, shop.tenant).as_role("producer").get(path)
        assert answer.status_code == 200, answer.text
        assert answer.json()["items"] == []
        assert "ann.marlow" not in stored(house)


async def test_an_order_that_no_backup_had_stays_forgotten_when_it_is_sent_again(
    installation: Installation,
) -> None:
    async with installation.opened() as house:
        shop = await before(house)
    later = {"event_id": "late", "type": "order.created", "payload": {"customer": ANN}}

    async def erasing(house: House) -> None:
        await Shop(house, shop.tenant).record("ann_9", **later)
        report = (await erase(Shop(house, shop.tenant), "cust_ann"))["result"]
        assert report["orders"]["erased"] == 3

    async with installation.restored_after(erasing) as restored:
        await reopened(restored)
        async with opened(restored) as house:
            again = Shop(house, shop.tenant)
            # Their sender has heard of the backup, before the ledger was told what is erased again.
            await again.record("ann_9", **later)
            await again.record("ann_1", event_id="more", payload={"note": "Ann Marlow"})
            async with writing(restored, "worker") as side:
                await telling_again(side)()
            shown = await again.read("/events/late", "admin")
            assert shown["payload"]["customer"]["email"] == {"erased": True}
            assert "Ann Marlow" not in str(await again.read("/events/more", "admin"))
            await again.get("/orders/ann_1/timeline", "admin")  # waits for the read model
            for event in ("late", "more", "evt_1"):
                verified = await again.read(f"/events/{event}/verify", "admin")
                assert verified["verified"], (event, verified["disclosures"])


async def test_a_replay_that_was_cut_off_renews_the_keys_after_all(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with installation.opened() as house:
        tenant = (await before(house)).tenant

    async def erasing(house: House) -> None:
        await erase(Shop(house, tenant), "cust_ann")

    async with installation.restored_after(erasing) as restored:
        failed = failing_once(monkeypatch, Rewrap, "__call__")
        async with writing(restored, "worker") as side:
            old = {one: side.key_store.bucket(tenant, one)[0] for one in range(BUCKETS)}
            with pytest.raises(Unavailable):
                await erase_again(side)
            assert failed
            assert (await erase_again(side)).entries == 0
            new = {one: side.key_store.bucket(tenant, one)[0] for one in range(BUCKETS)}
        changed = {one for one in old if new[one] != old[one]}
        assert changed == {bucket_of(owner) for owner in ("ann_1", "ann_2", "cust_ann")}
