"""Searches, a rebuild and a reindex while 500 events a second come in: nothing is missed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from infrastructure.postgres.connect import connect_one
from projections.progress import status
from projections.registry import NAMES
from tests.long.harness import PATIENCE, TENANTS, Installation, report, run, token
from tests.long.load import Load
from tests.long.searchers import Searchers, order_of
from tests.long.verifying import verify, verify_read_models

pytestmark = [pytest.mark.long, pytest.mark.anyio]

RATE = 500
SECONDS = 90
BASE = "/v1/order-history"


async def test_nothing_is_missed_while_everything_is_asked(installation: Installation) -> None:
    lags: list[int] = []
    async with (
        Load([installation.address], installation.tokens, rate=RATE) as load,
        Searchers(installation, load) as searchers,
        _watched(installation.url, lags),
    ):
        await load.more(RATE)
        started, before = time.monotonic(), len(load.promised)
        await _rebuilt(installation)
        await _reindexed(installation)
        while time.monotonic() - started < SECONDS:
            await load.more(RATE)
        taken, seconds = len(load.promised) - before, time.monotonic() - started
        await load.finish()
    report(f"{taken / seconds:.0f} events/s for {seconds:.0f} s, writers answered "
           f"{dict(load.codes)}; readers {searchers.told()}")  # fmt: skip
    report(
        f"lag while they came: median {sorted(lags)[len(lags) // 2]}, at most {max(lags)} events"
    )
    assert load.wrong == []
    assert searchers.wrong == []
    assert verify(installation.url, load.promised) == len(load.promised)
    started = time.monotonic()
    await verify_read_models(installation.url, installation.data_dir)
    report(f"no lag, and as a rebuild makes them, {time.monotonic() - started:.0f} s later")
    await _everything_is_found(installation, load)
    assert installation.program.stop() == 0


async def _rebuilt(installation: Installation) -> None:
    started = time.monotonic()
    await asyncio.to_thread(run, "rebuild", "--all", "--data-dir", str(installation.data_dir))
    report(f"rebuilt in {time.monotonic() - started:.0f} s")


async def _reindexed(installation: Installation) -> None:
    """Of each tenant, by its administrator."""
    for tenant in TENANTS:
        admin = await asyncio.to_thread(token, installation.data_dir, tenant, "admin")
        async with _client(installation, admin) as client:
            answer = await client.post(f"{BASE}/jobs/reindex", json={})
            assert answer.status_code == 202, answer.text
            job, started = answer.json(), time.monotonic()
            while job["status"] in ("queued", "running"):
                assert time.monotonic() - started < PATIENCE, job
                await asyncio.sleep(0.2)
                job = (await client.get(f"{BASE}/jobs/{job['job_id']}")).json()
        assert job["status"] == "succeeded", job
        report(f"reindexed {tenant}: {job['result']}, {time.monotonic() - started:.0f} s")


def _client(installation: Installation, bearer: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {bearer}"}
    return httpx.AsyncClient(base_url=installation.address, headers=headers, timeout=PATIENCE)


@asynccontextmanager
async def _watched(url: str, lags: list[int]) -> AsyncIterator[None]:
    """Each second the lag of the slowest read model, until left."""

    async def watch() -> None:
        async with await connect_one(url, "cell_0", name="watch", as_owner=True) as connection:
            while True:
                models = await status(connection, NAMES)
                lags.append(max(model.lag for model in models))
                await asyncio.sleep(1)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _everything_is_found(installation: Installation, load: Load) -> None:
    """Every acknowledged event, by its order's identifier, in its order's timeline, and once in a
    walk through all of them."""
    orders: dict[tuple[str, str], set[str]] = defaultdict(set)
    for tenant, event_id in load.promised:
        orders[tenant, order_of(event_id)].add(event_id)
    for tenant, bearer in installation.tokens.items():
        promised = {event_id for one, event_id in load.promised if one == tenant}
        async with _client(installation, bearer) as client:
            walked = await _walk(client)
            assert walked == Counter(promised)
            for (one, order_id), events in orders.items():
                if one == tenant:
                    found = await _page(client, {"query": {"ident": order_id, "exact": True}})
                    assert {event["event_id"] for event in found["items"]} == events
                    timeline = await client.get(f"{BASE}/orders/{order_id}/timeline?limit=1000")
                    assert timeline.status_code == 200, timeline.text
                    assert {one["event_id"] for one in timeline.json()["items"]} == events
    report(f"{len(load.promised)} events of {len(orders)} orders found, each in three ways")


async def _walk(client: httpx.AsyncClient) -> Counter[str]:
    found: Counter[str] = Counter()
    asked: dict[str, Any] = {"query": {"field": "source", "eq": "load"}, "sort": ["sequence"]}
    while True:
        page = await _page(client, asked)
        found.update(event["event_id"] for event in page["items"])
        if page["next_cursor"] is None:
            return found
        asked["cursor"] = page["next_cursor"]


async def _page(client: httpx.AsyncClient, asked: Mapping[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"{BASE}/search", json={**asked, "limit": 1000})
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page
