"""A worker that is killed in the middle of maintenance: another one goes on, and nothing is done or
counted twice."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from interfaces.composition.serving import api
from interfaces.settings import Settings
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, opened

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[4]
PATIENCE = 120
"""Seconds after which something that must come counts as never coming."""


@contextmanager
def slow_worker(settings: Settings) -> Iterator[None]:
    """Until it is killed."""
    script = [sys.executable, str(Path(__file__).parent / "slow_worker.py")]
    arguments = [settings.database_url, str(settings.data_dir)]
    env = {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([*script, *arguments], cwd=ROOT, env=env) as child:
        try:
            yield
        finally:
            child.send_signal(signal.SIGKILL)


def rows(settings: Settings, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """As a superuser, whom no foreign key keeps from it."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("set search_path = cell_0")
        connection.execute("set session_replication_role = replica")
        cursor = connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


async def job_of(shop: Shop, job_id: str) -> Json:
    return dict((await shop.as_role("admin").get(f"{BASE}/jobs/{job_id}")).json())


async def killed_midway(settings: Settings, tenant: str, kind: str) -> Json:
    """A job as it stands after its worker was killed between its first and its last events."""
    async with api(settings) as services:
        shop = Shop(House(settings, services), tenant)
        with slow_worker(settings):
            made = await shop.as_role("admin").post(f"{BASE}/jobs/{kind}", json={})
            job_id = made.json()["job_id"]
            async with asyncio.timeout(PATIENCE):
                while (await job_of(shop, job_id))["progress"]["done"] < 8:  # noqa: ASYNC110  # HTTP
                    await asyncio.sleep(0.02)
        return await job_of(shop, job_id)


async def ended(settings: Settings, tenant: str, job_id: str) -> tuple[Json, list[Json]]:
    """The job once another worker has ended it, and the tenant's events as they are listed then."""
    async with opened(settings) as house:
        shop = Shop(house, tenant)
        async with asyncio.timeout(PATIENCE):
            while True:
                job = await job_of(shop, job_id)
                if job["status"] not in ("queued", "running"):
                    return job, await shop.walk("/events")
                await asyncio.sleep(0.05)


@pytest.fixture
async def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(database_url, tmp_path_factory.mktemp("kills"), reconcile_rate=0)


async def test_maintenance_goes_on_with_the_next_worker(settings: Settings) -> None:
    async with opened(settings) as house:
        shop = house.shop()
        await shop.record_all(shop.event(f"ord_{number % 7}") for number in range(60))
        events = await shop.walk("/events")
    tenant = shop.tenant

    of_tenant = "from order_events where tenant_id = %s"
    rows(settings, f"delete {of_tenant} and sequence %% 2 = 0", tenant)
    job = await killed_midway(settings, tenant, "repair")
    assert job["status"] == "running"
    assert job["progress"]["done"] < 60
    (found,) = job["result"]["found"]
    assert rows(settings, f"select count(*) {of_tenant}", tenant) == [(30 + found["count"],)]
    job, listed = await ended(settings, tenant, job["job_id"])
    assert (job["status"], job["progress"]) == ("succeeded", {"done": 60, "total": 60})
    assert [one["count"] for one in job["result"]["found"]] == [30]
    assert listed == events

    rows(settings, "update order_events set terms = '{}' where tenant_id = %s", tenant)
    job = await killed_midway(settings, tenant, "reindex")
    assert job["status"] == "running"
    made = rows(settings, f"select count(*) {of_tenant} and terms <> '{{}}'", tenant)
    assert made == [(job["result"]["changed"],)] == [(job["progress"]["done"],)]
    job, _ = await ended(settings, tenant, job["job_id"])
    assert (job["status"], job["progress"]) == ("succeeded", {"done": 60, "total": 60})
    assert job["result"] == {"from_sequence": 1, "to_sequence": 60, "changed": 60}
