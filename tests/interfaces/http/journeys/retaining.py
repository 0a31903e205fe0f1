"""Retention policies over HTTP, for tests: made, tried, enabled and run."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.interfaces.http.journeys.house import BASE, Json, Shop

PATH = f"{BASE}/retention/policies"
PAYMENTS: Json = {
    "name": "payments", "applies_to": "events", "event_types": ["order.payment.*"],
    "retain_for": "P6M", "legal_basis": "contract", "action": "redact",
}  # fmt: skip
SNAPSHOTS: Json = {
    "name": "snapshots", "applies_to": "snapshots", "retain_for": "P6M", "legal_basis": "contract",
    "action": "purge",
}  # fmt: skip


async def made(shop: Shop, body: Json = PAYMENTS, **changed: Any) -> Json:
    answer = await shop.as_role("admin").post(PATH, json={**body, **changed})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{PATH}/{answer.json()['policy_id']}"
    return dict(answer.json())


async def seen(shop: Shop, policy: Json) -> Json:
    return dict(await shop.read(f"/retention/policies/{policy['policy_id']}", "auditor"))


async def changed(shop: Shop, policy: Json, **change: Any) -> Json:
    answer = await shop.as_role("admin").patch(f"{PATH}/{policy['policy_id']}", json=change)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def asked(shop: Shop, policy: Json, *, dry_run: bool) -> Json:
    """The job, as it is made."""
    client = shop.as_role("admin")
    answer = await client.post(f"{PATH}/{policy['policy_id']}/runs", json={"dry_run": dry_run})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{BASE}/jobs/{answer.json()['job_id']}"
    return dict(answer.json())


async def ended(shop: Shop, job: Json) -> Json:
    """The job, when it is over."""
    for _ in range(600):
        job = (await shop.as_role("admin").get(f"{BASE}/jobs/{job['job_id']}")).json()
        if job["status"] in ("succeeded", "failed"):
            return job
        await asyncio.sleep(0.05)
    raise AssertionError(job)


async def report(shop: Shop, policy: Json, *, dry_run: bool) -> Json:
    """What a run, or a dry run, came to."""
    job = await ended(shop, await asked(shop, policy, dry_run=dry_run))
    assert job["status"] == "succeeded", job
    return dict(job["result"])


async def enabled(shop: Shop, policy: Json) -> Json:
    await report(shop, policy, dry_run=True)
    return await changed(shop, policy, enabled=True)


async def jobs_of(shop: Shop, policy: Json, *, dry_run: bool = False) -> list[Json]:
    """Those that are over, the newest first, once none is under way."""
    for _ in range(600):
        jobs = await shop.walk("/jobs", "admin", kind="retention")
        if all(job["status"] not in ("queued", "running") for job in jobs):
            of = policy["policy_id"], dry_run
            results = [(job, job["result"]) for job in jobs]
            return [job for job, one in results if (one["policy_id"], one["dry_run"]) == of]
        await asyncio.sleep(0.05)
    raise AssertionError(jobs)
