"""A backup from before a pseudonymisation is restored: the person has pseudonyms again."""

from __future__ import annotations

import pytest

from interfaces.composition.erasing import telling_again
from interfaces.composition.writing import writing
from tests.interfaces.http.journeys.erasing import ANN, OF_ANN, erase, found
from tests.interfaces.http.journeys.house import House, Shop, opened, states
from tests.interfaces.http.journeys.pseudonymizing import created, pseudonymize, put_back, shown
from tests.interfaces.http.journeys.restoring import (
    Installation,
    before,
    reopened,
    signed_and_published,
    told_of_ann,
    told_on_the_ledger,
)

pytestmark = pytest.mark.anyio


async def test_it_has_pseudonyms_again_before_the_first_read(installation: Installation) -> None:
    async with installation.opened() as house:
        shop = await before(house)
        tenant, recorded = shop.tenant, await shown(shop)

    async def replacing(house: House) -> None:
        await pseudonymize(Shop(house, tenant), "cust_ann")

    async with installation.restored_after(replacing) as restored:
        async with opened(restored) as house:  # recording is refused: the ledger is behind
            shop = Shop(house, tenant)
            assert await told_of_ann(shop) == []
            order = await created(shop, "evt_1")
            assert order["customer"]["email"].startswith("pn-")
            assert await found(shop, ANN["email"]) == ["ben_1"]
            assert set(await found(shop, order["customer"]["email"])) == {"ann_1", "ann_2"}
            assert False in told_on_the_ledger(restored.database_url)
        await reopened(restored)
        async with writing(restored, "worker") as side:
            assert await telling_again(side)() == 3
        assert set(told_on_the_ledger(restored.database_url)) == {True}
        async with opened(restored) as house:
            shop = Shop(house, tenant)
            assert set((await states(shop, "evt_1")).values()) == {"masked"}
            await put_back(shop, "cust_ann")
            assert await shown(shop) == recorded


async def test_what_was_put_back_before_stays(installation: Installation) -> None:
    async with installation.opened() as house:
        shop = await before(house)
        tenant, recorded = shop.tenant, await shown(shop)

    async def there_and_back(house: House) -> None:
        await pseudonymize(Shop(house, tenant), "cust_ann")
        await put_back(Shop(house, tenant), "cust_ann")

    async with installation.restored_after(there_and_back) as restored:
        async with opened(restored) as house:
            assert await shown(Shop(house, tenant)) == recorded
            assert set(told_on_the_ledger(restored.database_url)) == {True}
        await reopened(restored)
        async with opened(restored) as house:
            assert set((await states(Shop(house, tenant), "evt_1")).values()) == {"matches"}


async def test_what_was_erased_since_is_erased_again(installation: Installation) -> None:
    """A backup with pseudonyms, and what they stand for, from before the erasure."""
    async with installation.opened() as house:
        shop = await before(house)
        tenant = shop.tenant
        await pseudonymize(shop, ANN["email"])
        await signed_and_published(house)
    mapped = installation.data_dir / "pseudonyms" / tenant
    assert list(mapped.glob("*.map"))

    async def erasing(house: House) -> None:
        assert (await erase(Shop(house, tenant), ANN["email"]))["status"] == "succeeded"

    async with (
        installation.restored_after(erasing) as restored,
        opened(restored) as house,
    ):
        shop = Shop(house, tenant)
        order = await created(shop, "evt_1")
        assert order["customer"]["email"] == {"erased": True}
        assert not [value for value in OF_ANN[:5] if value in str(await shown(shop))]
        assert not list(mapped.glob("*.map"))
