"""What an operator is told when something is amiss, by a whole service."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.interfaces.http.journeys.house import BASE, ROLES, Shop

pytestmark = pytest.mark.anyio


async def diagnosis(shop: Shop) -> dict[str, Any]:
    """Once the read model has what was recorded."""
    reached = False
    async with asyncio.timeout(30):
        while True:
            answer = await shop.as_role("operator").get(f"{BASE}/diagnostics")
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            if reached:
                return found
            # The parts of an answer are read one after another: what this one tells may be older.
            reached = found["queues"]["model_events"]["sources"] == 0
            await asyncio.sleep(0.05)


async def send_numbered(shop: Shop, *numbers: int) -> None:
    for number in numbers:
        await shop.record(source="oms", metadata={"source_sequence": number})


async def test_a_tenant_of_which_nothing_is_known(shop: Shop) -> None:
    found = await diagnosis(shop)
    assert (found["failed_lines"], found["sources"], found["more_sources"]) == ([], [], False)
    assert found["queues"]["committer_available"] is True
    assert found["queues"]["jobs"] == {}


async def test_gaps_of_a_source_close_when_late_events_come(shop: Shop) -> None:
    await send_numbered(shop, 12, 10, 15)
    await shop.record(source="till")
    oms, till = (await diagnosis(shop))["sources"]
    assert oms["source_sequence"] == {
        "lowest": 10, "highest": 15, "missing": 3,
        "gaps": [{"from": 11, "to": 11}, {"from": 13, "to": 14}],
    }  # fmt: skip
    assert (oms["source"], oms["events"], oms["last_sequence"]) == ("oms", 3, 3)
    assert (till["source"], till["source_sequence"], till["quiet"]) == ("till", None, False)
    await send_numbered(shop, 14, 11, 13)
    oms = (await diagnosis(shop))["sources"][0]
    assert oms["source_sequence"] == {"lowest": 10, "highest": 15, "missing": 0, "gaps": []}


async def test_lines_that_failed_without_what_they_said(shop: Shop) -> None:
    secret = "jane.doe@example.com"
    lines = [
        msgspec.json.encode(shop.event(payload={"customer": {"email": secret}})),
        msgspec.json.encode(shop.event(type="Wrong", payload={"customer": {"email": secret}})),
        b"{" + secret.encode(),
    ]
    answer = await shop.as_role("producer").post(
        f"{BASE}/events/bulk",
        content=b"\n".join(lines),
        headers={"Content-Type": "application/x-ndjson", "Prefer": "wait=30"},
    )
    assert answer.status_code == 200, answer.text
    job = answer.json()
    assert (job["result"]["recorded"], job["result"]["rejected"]) == (1, 2)
    answer = await shop.as_role("operator").get(f"{BASE}/diagnostics")
    found = answer.json()
    assert [(one["job_id"], one["line"], one["outcome"]) for one in found["failed_lines"]] == [
        (job["job_id"], 3, "rejected"), (job["job_id"], 2, "rejected"),
    ]  # fmt: skip
    assert found["failed_lines"][1]["errors"][0]["pointer"] == "/type"
    assert found["queues"]["jobs"] == {"succeeded": 1}
    assert secret not in answer.text


async def test_nothing_of_another_tenant(shop: Shop) -> None:
    other = shop.house.shop()
    await send_numbered(other, 1, 5)
    await shop.record(source="mine")
    found = await diagnosis(shop)
    assert [one["source"] for one in found["sources"]] == ["mine"]
    assert other.tenant not in str(found)


async def test_who_may_ask(shop: Shop) -> None:
    statuses = {
        role: (await shop.as_role(role).get(f"{BASE}/diagnostics")).status_code for role in ROLES
    }
    assert statuses == {role: 200 if role in ("operator", "admin") else 403 for role in ROLES}
