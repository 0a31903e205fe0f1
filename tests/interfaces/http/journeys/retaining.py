"""Retention policies over HTTP, for tests: made, tried, enabled and run."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, over
from tests.interfaces.http.journeys.searching import of_ident

PATH = f"{BASE}/retention/policies"
PAYMENTS: Json = {
    "name": "payments", "applies_to": "events", "event_types": ["order.payment.*"],
    "retain_for": "P6M", "legal_basis": "contract", "action": "redact",
}  # fmt: skip
SNAPSHOTS: Json = {
    "name": "snapshots", "applies_to": "snapshots", "retain_for": "P6M", "legal_basis": "contract",
    "action": "purge",
}  # fmt: skip
MAIL, ADDRESS = "jane.roe@example.org", "198.51.100.7"
FAILED: Json = {"type": "order.payment.failed", "payload": {"reason": "Jane", "email": MAIL}}
CREATED: Json = {"type": "order.created", "payload": {"customer": {"email": "ben@example.org"}}}
ACTOR: Json = {"actor_id": "agent_1", "ip": ADDRESS, "user_agent": "desk"}


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
    return await over(shop.as_role("admin"), f"{BASE}/jobs/{job['job_id']}")


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


async def place_hold(shop: Shop, **hold: Any) -> str:
    body = {"target": "order", "target_id": "held", "case_id": "case_1", **hold}
    answer = await shop.as_role("admin").post(f"{BASE}/legal-hold", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["hold_id"])


async def release(shop: Shop, hold_id: str) -> None:
    answer = await shop.as_role("admin").delete(f"{BASE}/legal-hold/{hold_id}")
    assert answer.status_code == 204


async def snapshot(shop: Shop, snapshot_id: str, order_id: str = "ord_1", **state: Any) -> None:
    body = {
        "snapshot_id": snapshot_id, "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": state,
    }  # fmt: skip
    path = f"{BASE}/orders/{order_id}/snapshots"
    answer = await shop.as_role("producer").post(path, json=body)
    assert answer.status_code == 201, answer.text


async def found(shop: Shop, address: str) -> list[str]:
    """The events that have it."""
    return [event["event_id"] for event in await of_ident(shop, address)]


def old_key(house: House, shop: Shop, kind: str, subject: str) -> tuple[str, str]:
    """The data key of an owner, and the bucket key that it is wrapped under."""
    with psycopg.connect(house.settings.database_url, autocommit=True) as connection:
        row = connection.execute(
            "select key_id, bucket_key_id from cell_0.data_keys"
            " where tenant_id = %s and kind = %s and subject = %s",
            (shop.tenant, kind, subject),
        ).fetchone()
    assert row is not None
    return str(row[0]), str(row[1])
