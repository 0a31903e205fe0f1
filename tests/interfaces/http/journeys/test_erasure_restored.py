"""A backup from before an erasure is restored: the person stays forgotten."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infrastructure.postgres.embedded import EmbeddedPostgres
from interfaces.composition.erasing import telling_again
from interfaces.composition.writing import writing
from tests.interfaces.cli.program import run
from tests.interfaces.http.journeys.erasing import ANN, OF_ANN, erase, found, told
from tests.interfaces.http.journeys.house import House, Shop, opened
from tests.interfaces.http.journeys.test_behind import copied, settings, signed_and_published
from tests.projections.conftest import fresh_database

pytestmark = pytest.mark.anyio


@pytest.fixture
def original(postgres: EmbeddedPostgres) -> Iterator[str]:
    yield from fresh_database(postgres)


async def before(house: House) -> Shop:
    shop = house.shop()
    await told(shop)
    assert len(await found(shop, ANN["email"])) == 3
    assert await told_of_ann(shop) != []
    await signed_and_published(house)
    return shop


def put_back(saved: Path, data_dir: Path) -> None:
    """As a restore does: all but what is kept out of backups is as it was."""
    shutil.rmtree(data_dir / "keys")
    shutil.copytree(saved / "keys", data_dir / "keys")


async def test_it_is_erased_again_before_the_first_read(
    postgres: EmbeddedPostgres, original: str, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    async with opened(settings(original, data_dir)) as house:
        tenant = (await before(house)).tenant
    shutil.copytree(data_dir, tmp_path / "saved")
    with copied(postgres, original) as url:
        async with opened(settings(original, data_dir)) as house:
            shop = house.shop()
            shop.tenant = tenant
            report = (await erase(shop, "cust_ann"))["result"]
            assert report["orders"]["erased"] == 2
            await signed_and_published(house)
        put_back(tmp_path / "saved", data_dir)
        restored = settings(url, data_dir)
        async with opened(restored) as house:  # recording is refused: the ledger is behind
            shop = house.shop()
            shop.tenant = tenant
            assert await told_of_ann(shop) == []
            assert await found(shop, ANN["email"]) == ["ben_1"]
            assert False in told_on_the_ledger(url)
        given = "--database-url", url, "--data-dir", data_dir
        ended = await asyncio.to_thread(run, "ledger", "reopen", *given)
        assert ended.returncode == 0, ended.stderr
        async with writing(restored, "worker") as side:
            assert await telling_again(side)() == 3
            assert await telling_again(side)() == 0
        assert set(told_on_the_ledger(url)) == {True}
        async with opened(restored) as house:
            shop = house.shop()
            shop.tenant = tenant
            states = await shop.read("/events/evt_1/verify", "admin")
            assert states["verified"]
            assert {one["state"] for one in states["disclosures"]} == {"erased"}
            await shop.record("ann_1", event_id="later", payload={"note": "Ann Marlow"})
            assert await told_of_ann(shop) == []


async def told_of_ann(shop: Shop) -> list[str]:
    orders = [await shop.get(f"/orders/{order}/timeline", "admin") for order in ("ann_1", "ann_2")]
    assert [one.status_code for one in orders] == [200, 200]
    return [value for value in OF_ANN for one in orders if value in one.text]


def told_on_the_ledger(url: str) -> list[bool]:
    with psycopg.connect(url) as connection:
        return [told for (told,) in connection.execute("select told from cell_0.erasures")]
