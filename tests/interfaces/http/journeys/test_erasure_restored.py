"""A backup from before an erasure is restored: the person stays forgotten."""

from __future__ import annotations

import pytest

from interfaces.composition.erasing import telling_again
from interfaces.composition.writing import writing
from tests.interfaces.http.journeys.erasing import ANN, erase, found, rejected
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
