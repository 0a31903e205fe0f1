"""A backup from before a pseudonymisation is restored: the person has pseudonyms again."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from infrastructure.postgres.embedded import EmbeddedPostgres
from interfaces.composition.erasing import telling_again
from interfaces.composition.writing import writing
from tests.interfaces.cli.program import run
from tests.interfaces.http.journeys.erasing import ANN, OF_ANN, erase, found
from tests.interfaces.http.journeys.house import House, Shop, opened
from tests.interfaces.http.journeys.pseudonymizing import (
    created,
    pseudonymize,
    put_back,
    shown,
    states,
)
from tests.interfaces.http.journeys.test_behind import copied, settings, signed_and_published
from tests.interfaces.http.journeys.test_erasure_restored import (
    before,
    original,
    told_of_ann,
    told_on_the_ledger,
)

pytestmark = pytest.mark.anyio

__all__ = ["original"]


def of(house: House, tenant: str) -> Shop:
    shop = house.shop()
    shop.tenant = tenant
    return shop


def as_a_backup(data_dir: Path, saved: Path) -> None:
    """All but what no backup has is as it was."""
    for kept in ("keys", "pseudonyms"):
        shutil.rmtree(data_dir / kept, ignore_errors=True)
        if (saved / kept).exists():
            shutil.copytree(saved / kept, data_dir / kept)


async def reopened(url: str, data_dir: Path) -> None:
    given = "--database-url", url, "--data-dir", data_dir
    ended = await asyncio.to_thread(run, "ledger", "reopen", *given)
    assert ended.returncode == 0, ended.stderr


async def test_it_has_pseudonyms_again_before_the_first_read(
    postgres: EmbeddedPostgres, original: str, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    async with opened(settings(original, data_dir)) as house:
        shop = await before(house)
        tenant, recorded = shop.tenant, await shown(shop)
    shutil.copytree(data_dir, tmp_path / "saved")
    with copied(postgres, original) as url:
        async with opened(settings(original, data_dir)) as house:
            await pseudonymize(of(house, tenant), "cust_ann")
            await signed_and_published(house)
        as_a_backup(data_dir, tmp_path / "saved")
        restored = settings(url, data_dir)
        async with opened(restored) as house:  # recording is refused: the ledger is behind
            shop = of(house, tenant)
            assert await told_of_ann(shop) == []
            order = await created(shop, "evt_1")
            assert order["customer"]["email"].startswith("pn-")
            assert await found(shop, ANN["email"]) == ["ben_1"]
            assert set(await found(shop, order["customer"]["email"])) == {"ann_1", "ann_2"}
            assert False in told_on_the_ledger(url)
        await reopened(url, data_dir)
        async with writing(restored, "worker") as side:
            assert await telling_again(side)() == 3
        assert set(told_on_the_ledger(url)) == {True}
        async with opened(restored) as house:
            shop = of(house, tenant)
            assert set((await states(shop, "evt_1")).values()) == {"masked"}
            await put_back(shop, "cust_ann")
            assert await shown(shop) == recorded


async def test_what_was_put_back_before_stays(
    postgres: EmbeddedPostgres, original: str, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    async with opened(settings(original, data_dir)) as house:
        shop = await before(house)
        tenant, recorded = shop.tenant, await shown(shop)
    shutil.copytree(data_dir, tmp_path / "saved")
    with copied(postgres, original) as url:
        async with opened(settings(original, data_dir)) as house:
            shop = of(house, tenant)
            await pseudonymize(shop, "cust_ann")
            await put_back(shop, "cust_ann")
            await signed_and_published(house)
        as_a_backup(data_dir, tmp_path / "saved")
        async with opened(settings(url, data_dir)) as house:
            assert await shown(of(house, tenant)) == recorded
            assert set(told_on_the_ledger(url)) == {True}
        await reopened(url, data_dir)
        async with opened(settings(url, data_dir)) as house:
            shop = of(house, tenant)
            assert set((await states(shop, "evt_1")).values()) == {"matches"}


async def test_what_was_erased_since_is_erased_again(
    postgres: EmbeddedPostgres, original: str, tmp_path: Path
) -> None:
    """A backup with pseudonyms, and what they stand for, from before the erasure."""
    data_dir = tmp_path / "data"
    async with opened(settings(original, data_dir)) as house:
        shop = await before(house)
        tenant = shop.tenant
        await pseudonymize(shop, ANN["email"])
        await signed_and_published(house)
    shutil.copytree(data_dir, tmp_path / "saved")
    assert list((tmp_path / "saved" / "pseudonyms" / tenant).glob("*.map"))
    with copied(postgres, original) as url:
        async with opened(settings(original, data_dir)) as house:
            assert (await erase(of(house, tenant), ANN["email"]))["status"] == "succeeded"
            await signed_and_published(house)
        as_a_backup(data_dir, tmp_path / "saved")
        async with opened(settings(url, data_dir)) as house:
            shop = of(house, tenant)
            order = await created(shop, "evt_1")
            assert order["customer"]["email"] == {"erased": True}
            assert not [value for value in OF_ANN[:5] if value in str(await shown(shop))]
            assert not list((data_dir / "pseudonyms" / tenant).glob("*.map"))
