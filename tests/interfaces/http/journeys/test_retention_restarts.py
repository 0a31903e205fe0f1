"""A run whose worker ends midway goes on with the next one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from application.retention.letting_go import LetGo
from interfaces.settings import Settings
from tests.interfaces.http.journeys.house import Shop, opened, states
from tests.interfaces.http.journeys.retaining import (
    FAILED,
    MAIL,
    asked,
    enabled,
    ended,
    found,
    made,
    seen,
)

pytestmark = pytest.mark.anyio


async def test_a_run_goes_on_with_the_next_worker(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(database_url, tmp_path_factory.mktemp("restart"))
    monkeypatch.setattr("application.retention.running.AT_ONCE", 1)
    real = LetGo.orders
    done: list[Any] = []
    third = asyncio.Event()

    async def stuck(self: LetGo, *given: Any) -> bool:
        if len(done) == 2:
            third.set()
            await asyncio.Event().wait()
        done.append(given)
        return await real(self, *given)

    async with opened(settings) as house:
        shop = house.shop()
        for number in range(4):
            await shop.record(f"ord_{number}", **FAILED)
        policy = await enabled(shop, await made(shop))
        with monkeypatch.context() as patched:
            patched.setattr(LetGo, "orders", stuck)
            job = await asked(shop, policy, dry_run=False)
            await asyncio.wait_for(third.wait(), 30)
        assert len(await found(shop, MAIL)) == 4  # terms are renewed at the end
    async with opened(settings) as house:
        again = Shop(house, shop.tenant)
        job = await ended(again, job)
        assert job["status"] == "succeeded", job
        assert (job["result"]["orders"], job["result"]["events"]) == (4, 4)
        assert job["progress"]["done"] == job["progress"]["total"] == 4
        assert await found(again, MAIL) == []
        for number in range(4):
            assert set((await states(again, f"evt_{number + 1}")).values()) == {"erased"}
        assert (await seen(again, policy))["last_run"]["numbers"]["events"] == 4
