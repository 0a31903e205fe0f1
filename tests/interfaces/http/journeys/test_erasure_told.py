"""The command line tells which values of a ledger that holds are erased."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from tests.interfaces.http.journeys.erasing import erase, told
from tests.interfaces.http.journeys.house import BASE, Shop

pytestmark = pytest.mark.anyio


async def test_verifying_the_ledger_says_which_values_are_erased(shop: Shop) -> None:
    await told(shop)
    listing = ["--tenant", shop.tenant, "--erased"]
    code, before = await verify_ledger(shop, *listing)
    assert (code, before[-1].split(" ", 1)[1]) == (0, "events hold")
    report = (await erase(shop, "cust_ann"))["result"]
    code, lines = await verify_ledger(shop, *listing)
    assert code == 0
    *listed, summary = lines[1:]
    fact = report["facts"][0]
    of = f"tenant {shop.tenant}: sequence"
    assert f"{of} 1: /payload/customer/email is erased, says sequence {fact}" in listed
    assert len(listed) == report["values"]
    assert summary.startswith(f"{report['values']} personal values of {report['events']} events")
    assert (await verify_ledger(shop, "--tenant", shop.tenant))[1][1:] == [summary]


async def verify_ledger(shop: Shop, *options: str) -> tuple[int, list[str]]:
    settings = shop.house.settings
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "interfaces.cli.main", "verify", "ledger", *options,
        "--data-dir", str(settings.data_dir),
        env={**os.environ, "ORDER_HISTORY_DATABASE_URL": settings.database_url},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode().splitlines()


async def test_an_operator_sees_the_job_and_no_order_of_the_person(shop: Shop) -> None:
    await told(shop)
    hold = {"target": "order", "target_id": "ann_1", "case_id": "case_1"}
    await shop.as_role("admin").post(f"{BASE}/legal-hold", json=hold)
    job = await erase(shop, "cust_ann")
    for path in (f"/jobs/{job['job_id']}", "/jobs"):
        answer = await shop.as_role("operator").get(BASE + path)
        assert job["job_id"] in answer.text
        assert "ann_1" not in answer.text
        assert "ann_1" in (await shop.as_role("admin").get(BASE + path)).text
