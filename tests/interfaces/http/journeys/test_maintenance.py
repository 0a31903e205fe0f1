"""Maintenance over HTTP: reindex, repair, compact; and the reconciler beside a running service."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import psycopg
import pytest

from interfaces.settings import Settings
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, opened, pointers

pytestmark = pytest.mark.anyio
PATIENCE = 120
"""Seconds after which something that must come counts as never coming."""


@pytest.fixture(scope="module")
async def house(
    anyio_backend: str, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """Without a reconciler, which would be first."""
    settings = Settings(database_url, tmp_path_factory.mktemp("house"), reconcile_rate=0)
    async with opened(settings) as house:
        yield house


def rows(shop: Shop, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """As a superuser, whom no foreign key keeps from it."""
    with psycopg.connect(shop.house.settings.database_url, autocommit=True) as connection:
        connection.execute("set search_path = cell_0")
        connection.execute("set session_replication_role = replica")
        cursor = connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


async def filled(shop: Shop, orders: int = 5) -> None:
    for number in range(orders):
        items = [{"sku": "SKU-1"}]
        payload = {"number": f"N-{number}", "currency": "EUR", "total_minor": 100, "items": items}
        await shop.record(f"ord_{number}", type="order.created", payload=payload)
    await shop.record_all(shop.event(f"ord_{number % orders}") for number in range(4 * orders))
    await shop.read("/orders")  # the read models have followed


async def run(shop: Shop, kind: str, role: str = "admin", **asked: Any) -> Json:
    """A job of maintenance, once it is over."""
    client = shop.as_role(role)
    made = await client.post(f"{BASE}/jobs/{kind}", json=asked)
    assert made.status_code == 202, made.text
    assert made.headers["location"] == f"{BASE}/jobs/{made.json()['job_id']}"
    return await ended(shop, made.json()["job_id"])


async def ended(shop: Shop, job_id: str) -> Json:
    async with asyncio.timeout(PATIENCE):
        while True:
            job = dict((await shop.as_role("admin").get(f"{BASE}/jobs/{job_id}")).json())
            if job["status"] not in ("queued", "running"):
                return job
            await asyncio.sleep(0.05)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110  # it is asked over HTTP
            await asyncio.sleep(0.05)


async def test_a_repair_fills_what_is_missing(shop: Shop) -> None:
    await filled(shop)
    timeline = await shop.walk("/events")
    orders = await shop.read("/orders")
    rows(
        shop,
        "delete from order_events where tenant_id = %s and sequence in (2, 3, 11)",
        shop.tenant,
    )
    rows(shop, "update orders set status = 'lost' where tenant_id = %s", shop.tenant)
    assert await shop.walk("/events") != timeline

    dry = await run(shop, "repair", dry_run=True)
    assert (dry["status"], dry["result"]["dry_run"]) == ("succeeded", True)
    assert {one["healed"] for one in dry["result"]["found"]} == {False}
    assert await shop.walk("/events") != timeline

    job = await run(shop, "repair")
    assert (job["kind"], job["status"]) == ("repair", "succeeded")
    assert job["progress"] == {"done": 25, "total": 25}
    found = {(one["table"], one["what"]): one for one in job["result"]["found"]}
    assert set(found) == {("order_events", "missing"), ("orders", "wrong")}
    assert all(one["healed"] for one in found.values())
    missing = found["order_events", "missing"]
    assert (missing["count"], missing["first_sequence"]) == (3, 2)
    assert found["orders", "wrong"]["count"] == 5
    assert "no connectors" in job["result"]["not_asked"]
    assert await shop.walk("/events") == timeline
    assert await shop.read("/orders") == orders
    again = await run(shop, "repair")
    assert again["result"]["found"] == []


async def test_a_repair_of_a_range_stays_in_it(shop: Shop) -> None:
    await filled(shop)
    rows(
        shop, "delete from order_events where tenant_id = %s and sequence in (10, 20)", shop.tenant
    )
    job = await run(shop, "repair", from_sequence=15, to_sequence=22)
    assert (job["result"]["from_sequence"], job["result"]["to_sequence"]) == (15, 22)
    assert [one["first_sequence"] for one in job["result"]["found"]] == [20]
    sequences = [event["sequence"] for event in await shop.walk("/events")]
    assert 20 in sequences
    assert 10 not in sequences


async def test_a_reindex_makes_the_index_anew(shop: Shop) -> None:
    await filled(shop)
    index = "select sequence, terms from order_events where tenant_id = %s order by 1"
    before = rows(shop, index, shop.tenant)
    rows(
        shop,
        "update order_events set terms = '{}' where tenant_id = %s and sequence > 20",
        shop.tenant,
    )
    job = await run(shop, "reindex", "operator", to_sequence=22)
    assert (job["kind"], job["status"]) == ("reindex", "succeeded")
    assert job["result"] == {"from_sequence": 1, "to_sequence": 22, "changed": 2}
    job = await run(shop, "reindex")
    assert job["result"] == {"from_sequence": 1, "to_sequence": 25, "changed": 3}
    assert rows(shop, index, shop.tenant) == before


async def test_a_reindex_while_events_come_in(shop: Shop) -> None:
    await filled(shop)
    async with asyncio.TaskGroup() as group:
        group.create_task(shop.record_all(shop.event() for _ in range(100)))
        jobs = [await run(shop, "reindex") for _ in range(3)]
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert len(await shop.walk("/events", limit=1000)) == 125


async def test_compaction_takes_snapshots_of_orders_at_rest(shop: Shop) -> None:
    await shop.record_all(shop.event("at-rest") for _ in range(25))
    await shop.record_all(shop.event("short") for _ in range(5))
    await shop.read("/orders")
    state = await shop.read("/orders/at-rest/snapshot", "investigator")
    job = await run(shop, "compact", "operator")
    assert (job["kind"], job["status"]) == ("compact", "succeeded")
    assert (job["result"]["orders"], job["result"]["snapshots"]) == (2, 1)
    again = await run(shop, "compact", "operator")
    assert (again["result"]["orders"], again["result"]["snapshots"]) == (2, 0)
    after = await shop.read("/orders/at-rest/snapshot", "investigator")
    assert after["state"] == state["state"]


async def test_a_request_is_repeated_by_its_key(shop: Shop) -> None:
    client, key = shop.as_role("admin"), {"Idempotency-Key": "k-1"}
    first = await client.post(f"{BASE}/jobs/repair", json={"dry_run": True}, headers=key)
    again = await client.post(f"{BASE}/jobs/repair", json={"dry_run": True}, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["job_id"] == first.json()["job_id"]
    assert again.headers["idempotency-replayed"] == "true"
    other = await client.post(f"{BASE}/jobs/reindex", headers=key)
    assert (other.status_code, pointers(other)) == (422, ["/Idempotency-Key"])


async def test_bad_requests(shop: Shop) -> None:
    client = shop.as_role("admin")
    for kind, body, pointer in (
        ("repair", {"from_sequence": 5, "to_sequence": 4}, "/to_sequence"),
        ("reindex", {"form_sequence": 5}, "/form_sequence"),
        ("compact", {"dry_run": True}, "/dry_run"),
    ):
        answer = await client.post(f"{BASE}/jobs/{kind}", json=body)
        assert (answer.status_code, pointers(answer)) == (422, [pointer])
    assert (await client.get(f"{BASE}/jobs/reindex")).status_code == 405
    assert (await shop.as_role("producer").post(f"{BASE}/jobs/repair")).status_code == 403


async def test_a_cancelled_job_tells_what_it_has_done(shop: Shop) -> None:
    await filled(shop)
    client = shop.as_role("operator")
    made = (await client.post(f"{BASE}/jobs/repair", json={})).json()["job_id"]
    answer = await client.post(f"{BASE}/jobs/{made}/cancel")
    assert answer.status_code == 200
    job = answer.json()
    assert job["status"] in ("cancelled", "succeeded")  # it may have been over already
    assert job["finished_at"] is not None
    assert (await client.get(f"{BASE}/jobs/{made}")).json() == job


async def test_the_reconciler_heals_beside_the_service(database_url: str, house: House) -> None:
    settings = Settings(database_url, house.settings.data_dir, reconcile_rate=10**6)
    async with opened(settings) as second:
        shop = second.shop()
        await filled(shop)
        events = await shop.walk("/events")
        rows(shop, "delete from order_events where tenant_id = %s", shop.tenant)

        async def healed() -> bool:
            return await shop.walk("/events") == events

        await until(healed)

        async def told() -> bool:
            text = (await shop.as_role("operator").get(f"{BASE}/metrics")).text
            assert 'order_history_ledger_alarms{kind="reconciler"} 0.0' in text
            (rows,) = re.findall(
                r"^order_history_reconciler_healed_rows_total (.*)$", text, re.MULTILINE
            )
            return float(rows) >= len(events)

        await until(told)
