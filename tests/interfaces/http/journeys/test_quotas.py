"""Quotas of a tenant: set at the command line, kept over HTTP and in bulk while all runs."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.interfaces.cli.program import run
from tests.interfaces.http.journeys.house import BASE, Json, Shop

pytestmark = pytest.mark.anyio


async def set_quota(shop: Shop, *options: object) -> subprocess.CompletedProcess[str]:
    settings = shop.house.settings
    return await asyncio.to_thread(
        run, "tenant", "quota", shop.tenant, *options, "--by", "ops",
        "--database-url", settings.database_url, "--data-dir", settings.data_dir,
    )  # fmt: skip


async def with_quota(shop: Shop, *options: object) -> str:
    """What the command says, once the service goes by it."""
    ended = await set_quota(shop, *options)
    assert ended.returncode == 0, ended.stderr
    await asyncio.sleep(1.1)  # so long what was known before goes on
    return ended.stdout


async def quotas(shop: Shop, role: str = "auditor") -> Json:
    answer = await shop.as_role(role).get(f"{BASE}/quotas")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(answer: httpx.Response, what: str) -> int:
    """After how many seconds to try again."""
    assert answer.status_code == 429, answer.text
    problem = answer.json()
    assert problem["type"] == "/problems/quota-exceeded"
    assert what in problem["detail"]
    return int(answer.headers["retry-after"])


async def test_events_of_a_day(shop: Shop) -> None:
    other = Shop(shop.house, f"{shop.tenant}-other")
    first = shop.event()
    assert (await shop.send(first)).status_code == 201
    assert (await quotas(shop))["events_per_day"]["quota"] is None
    said = await with_quota(shop, "--events-per-day", 4)
    assert said.startswith("events per day: 4; 2 used since ")
    assert (await shop.send(shop.event())).status_code == 201
    assert (await shop.send(shop.event())).status_code == 201
    late = shop.event()
    assert 0 < refused(await shop.send(late), "4 events a day") <= 86_400
    again = await shop.send(first)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    body = {
        "snapshot_id": "snap", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": {"status": "paid"},
    }  # fmt: skip
    path = f"{BASE}/orders/ord_1/snapshots"
    refused(await shop.as_role("producer").post(path, json=body), "4 events a day")
    for _ in range(6):
        await other.record()
    for role in ("auditor", "admin", "operator"):
        told = (await quotas(shop, role))["events_per_day"]
        assert (told["quota"], told["used"], told["remaining"]) == (4, 4, 0)
        assert told["until"].endswith("T00:00:00.000000Z")
    hold = {"target": "order", "target_id": "ord_1", "case_id": "case_1"}
    held = await shop.as_role("admin").post(f"{BASE}/legal-hold", json=hold)
    assert held.status_code == 201  # what administrators do is not refused
    text = (await shop.house.client("operator", "x").get(f"{BASE}/metrics")).text
    (line,) = [
        one for one in text.splitlines()
        if one.startswith('order_history_quota_refusals_total{quota="events_per_day"}')
    ]  # fmt: skip
    assert float(line.split()[-1]) >= 2
    await with_quota(shop, "--events-per-day", "none")
    assert (await shop.send(late)).status_code == 201


async def test_what_was_set_is_on_the_ledger(shop: Shop) -> None:
    await with_quota(shop, "--events-per-day", 100, "--requests-per-minute", 1000)
    await with_quota(shop, "--events-per-day", "default")
    acts = await shop.walk("/audit", "admin", type="history.tenant.quota_set")
    told = [(one["actor_id"], one["before"], one["after"]) for one in acts]
    assert sorted(told, key=str) == sorted(
        [
            ("ops", {"events_per_day": 100}, {"events_per_day": "default"}),
            (
                "ops",
                {"events_per_day": "default", "requests_per_minute": "default"},
                {"events_per_day": 100, "requests_per_minute": 1000},
            ),
        ],
        key=str,
    )


async def test_a_bulk_job_over_it_fails_and_says_what_it_recorded(
    shop: Shop, tmp_path: Path
) -> None:
    await with_quota(shop, "--events-per-day", 301)  # the act itself is the first
    lines = [msgspec.json.encode(shop.event()) for _ in range(3000)]
    answer = await shop.as_role("producer").post(
        f"{BASE}/events/bulk", content=b"\n".join(lines),
        headers={"Content-Type": "application/x-ndjson", "Prefer": "wait=30"},
    )  # fmt: skip
    job = answer.json()
    assert (answer.status_code, job["status"]) == (200, "failed"), job
    assert job["result"]["recorded"] == 300
    assert "301 events a day" in job["errors"][0]["detail"]
    path = f"{BASE}/jobs/{job['job_id']}/rejected"
    kept = (await shop.as_role("producer").get(path, params={"limit": 1000})).text.splitlines()
    assert '"line":301,' in kept[0]
    assert "301 events a day" in kept[0]
    file = tmp_path / "again.ndjson"
    file.write_bytes(b"\n".join(lines))
    settings = shop.house.settings
    where = "--database-url", settings.database_url, "--data-dir", settings.data_dir
    ended = await asyncio.to_thread(run, "import", file, "--tenant", shop.tenant, *where)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert "301 events a day" in ended.stderr
    assert "0 of its lines were recorded" in ended.stderr
    await set_quota(shop, "--events-per-day", "none")
    ended = await asyncio.to_thread(run, "import", file, "--tenant", shop.tenant, *where)
    assert ended.returncode == 0, ended.stderr
    assert "2700 recorded, 300 duplicates" in ended.stdout


async def test_requests_of_a_minute(shop: Shop) -> None:
    await shop.record()
    await with_quota(shop, "--requests-per-minute", 6)
    client = shop.as_role("history_reader")
    other = Shop(shop.house, f"{shop.tenant}-other").as_role("history_reader")
    answers = [await client.get(f"{BASE}/orders") for _ in range(8)]
    assert [one.status_code for one in answers] == [200] * 6 + [429] * 2
    assert 0 < refused(answers[-1], "6 requests a minute") <= 10
    assert (await other.get(f"{BASE}/orders")).status_code == 200
    await with_quota(shop, "--requests-per-minute", "none")
    answers = [await client.get(f"{BASE}/orders") for _ in range(8)]
    assert [one.status_code for one in answers] == [200] * 8
