"""What somebody did hides addresses and reasons under keys of their own."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from tests.interfaces.http.journeys.erasing import erase, told
from tests.interfaces.http.journeys.house import BASE, Shop

pytestmark = pytest.mark.anyio


async def test_who_was_erased_and_acts_again_is_recorded_anew(shop: Shop) -> None:
    """Another purpose, another time: until it is asked for again."""
    await told(shop)
    await erase(shop, "cust_ann")
    again = {"actor_id": "cust_ann", "ip": "198.51.100.99"}
    await shop.record("ord_9", event_id="again", metadata=again)
    event = await shop.read("/events/again", "admin")
    assert event["metadata"]["ip"] == "198.51.100.99"
    for one in ("again", "evt_1"):
        verified = await shop.read(f"/events/{one}/verify", "admin")
        assert verified["verified"], verified
    await erase(shop, "cust_ann")
    event = await shop.read("/events/again", "admin")
    assert event["metadata"]["ip"] == {"erased": True}
    verified = await shop.read("/events/again/verify", "admin")
    assert verified["verified"], verified


async def test_why_somebody_read_goes_with_them(shop: Shop) -> None:
    await told(shop)
    reading = {"X-Access-Reason": "ticket 4711"}
    await shop.get("/events/evt_1", "support", headers=reading)
    asked = {"subject": "a support"}
    (before,) = (await shop.read("/access-logs", "admin", **asked))["items"]
    assert before["reason"] == "ticket 4711"
    report = (await erase(shop, "a support"))["result"]
    assert report["orders"]["found"] == 0
    (after,) = (await shop.read("/access-logs", "admin", **asked))["items"]
    assert after == before | {"reason": {"erased": True}, "address": {"erased": True}}
    with psycopg.connect(shop.house.settings.database_url) as connection:
        left = connection.execute(
            "select count(*) from cell_0.access_log_personal p join cell_0.access_log l"
            " using (tenant_id, entry_id) where p.tenant_id = %s and l.subject = 'a support'",
            (shop.tenant,),
        ).fetchone()
    assert left == (0,)


async def test_what_was_done_to_a_held_order_stays_as_long_as_that(shop: Shop) -> None:
    """Also where the order is another's: evidence of who did what, from where."""
    await told(shop)
    done = {"actor_id": "cust_ann", "ip": "198.51.100.99"}
    for order in ("ben_2", "ben_3"):
        await shop.record(order, event_id=f"done_{order}", metadata=done)
    admin = shop.as_role("admin")
    hold = {"target": "order", "target_id": "ben_2", "case_id": "case_1"}
    placed = (await admin.post(f"{BASE}/legal-hold", json=hold)).json()
    report = (await erase(shop, "cust_ann"))["result"]
    assert report["retained"] == [
        {"subject": True, "ground": "legal hold", "hold_ids": [placed["hold_id"]]}
    ]
    assert await address(shop, "done_ben_2") == "198.51.100.99"
    assert await address(shop, "done_ben_3") == {"erased": True}
    await admin.delete(f"{BASE}/legal-hold/{placed['hold_id']}")
    for _ in range(600):
        if await address(shop, "done_ben_2") == {"erased": True}:
            break
        await asyncio.sleep(0.05)
    for event in ("done_ben_2", "done_ben_3", "evt_1"):
        verified = await shop.read(f"/events/{event}/verify", "admin")
        assert verified["verified"], verified
    assert await address(shop, "done_ben_2") == {"erased": True}


async def address(shop: Shop, event: str) -> Any:
    return (await shop.read(f"/events/{event}", "admin"))["metadata"]["ip"]
