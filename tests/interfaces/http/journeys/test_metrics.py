"""What a Prometheus reads of a whole service."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.interfaces.http.journeys.house import BASE, Shop

pytestmark = pytest.mark.anyio


async def gauges(shop: Shop) -> dict[str, float]:
    """As the operator reads them, a label's value behind its name."""
    answer = await shop.as_role("operator").get(f"{BASE}/metrics")
    assert answer.status_code == 200
    return {
        "/".join(
            (sample.name.removeprefix("order_history_"), *sample.labels.values())
        ): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_every_part_can_be_measured(shop: Shop) -> None:
    await shop.record()
    found = await gauges(shop)
    parts = {name: value for name, value in found.items() if name.startswith("collected/")}
    sources = (
        "ledger", "models", "reconciler", "store", "jobs", "schedules", "storage", "access",
        "health", "process",
    )  # fmt: skip
    assert parts == {f"collected/{source}": 1 for source in sources}
    assert found["ledger_alarms/audit"] == 0
    assert {f"model_lag_events/{name}" for name in ("orders", "ledger", "sources")} <= found.keys()
    assert {"table_bytes/events", "index_bytes/orders", "subsystem_status/disk"} <= found.keys()
    assert found["workers"] >= 1


async def test_what_becomes_of_events_is_counted(shop: Shop) -> None:
    before = await gauges(shop)
    event = shop.event()
    statuses = [(await shop.send(one)).status_code for one in (
        event, event, {**event, "payload": {"other": 1}}, shop.event(source=None)
    )]  # fmt: skip
    after = await gauges(shop)
    while after == before:  # it is kept for a second
        await asyncio.sleep(0.1)
        after = await gauges(shop)
    assert statuses == [201, 200, 409, 422]
    assert after["events_recorded_total"] > before["events_recorded_total"]
    for outcome in ("recorded", "duplicates", "conflicts", "rejected"):
        name = f"event_requests_total/{outcome}"
        assert after[name] - before[name] == 1, outcome
    route = f"http_request_duration_seconds_count/POST/{BASE}/events/2xx"
    assert after[route] - before.get(route, 0) == 2


async def test_what_is_recorded_is_signed_and_published_in_the_end(shop: Shop) -> None:
    await shop.record()
    names = ("ledger_unsigned_events", "ledger_signed_age_seconds", "ledger_unpublished_rounds")

    async def waits() -> bool:
        found = await gauges(shop)
        return any(found[name] for name in names)

    async with asyncio.timeout(30):
        while await waits():  # noqa: ASYNC110  # it is asked over HTTP
            await asyncio.sleep(0.1)


async def test_no_tenant_is_named(shop: Shop) -> None:
    await shop.record()
    answer = await shop.as_role("operator").get(f"{BASE}/metrics")
    assert shop.tenant not in answer.text


async def test_a_prometheus_beside_the_process_needs_no_token(shop: Shop) -> None:
    async with shop.house.client(None) as client:
        local = await client.get("/metrics")
        guarded = await client.get(f"{BASE}/metrics")
    assert (local.status_code, guarded.status_code) == (200, 401)
    assert "order_history_ledger_unsigned_events" in local.text
