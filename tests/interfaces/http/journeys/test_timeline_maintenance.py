"""System maintenance in an order's timeline: left out unless tagged or asked for, lost nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interfaces.http.journeys.house import BASE, Shop, pointers

pytestmark = pytest.mark.anyio

TIMELINE = "/orders/ord_1/timeline"
SYSTEM = {"actor_type": "system", "actor_id": "cron"}


async def sequences(shop: Shop, path: str, **query: Any) -> list[int]:
    return [event["sequence"] for event in await shop.walk(path, limit=1, **query)]


async def lived(shop: Shop) -> None:
    """An order of seven events, of which the second and the fifth are maintenance."""
    target = await shop.record(type="order.created", metadata=SYSTEM)
    await shop.record(type="shop.cache.warmed", metadata=SYSTEM)
    await shop.record(type="order.status.changed", payload={"to": "paid"}, metadata=SYSTEM)
    await shop.record(type="shop.cache.warmed", metadata={**SYSTEM, "audit": True})
    await shop.record(metadata={"maintenance": True, "actor_type": "user"})
    await shop.record(
        type="order.correction",
        correction_of=target["event_id"],
        payload={"correction": "no", "patch": {}},
        metadata=SYSTEM,
    )
    await shop.record()


async def test_it_is_left_out_unless_asked_for(shop: Shop) -> None:
    await lived(shop)
    every = [1, 2, 3, 4, 5, 6, 7]
    for order in ("occurred", "sequence"):
        assert await sequences(shop, TIMELINE, order=order) == [1, 3, 4, 6, 7]
        assert await sequences(shop, TIMELINE, order=order, include="maintenance") == every
    warmed = "/orders/ord_1/events/shop.cache.warmed"
    assert await sequences(shop, warmed) == [4]
    assert await sequences(shop, warmed, include="maintenance") == [2, 4]
    assert await sequences(shop, "/orders/ord_1/events/order.*") == [1, 3, 6, 7]


async def test_nothing_else_leaves_it_out(shop: Shop) -> None:
    await lived(shop)
    assert await sequences(shop, "/events", order_id="ord_1") == [1, 2, 3, 4, 5, 6, 7]
    counts = await shop.read(f"{TIMELINE}/aggregate")
    assert (counts["event_count"], counts["maintenance_events"]) == (7, 2)
    assert counts["by_type"]["shop.cache.warmed"] == 2
    state = (await shop.read("/orders/ord_1/snapshot"))["state"]
    assert (state["event_count"], state["status"]) == (7, "paid")
    found = await shop.as_role("history_reader").post(
        f"{BASE}/search", json={"query": {"field": "type", "eq": "shop.cache.warmed"}}
    )
    assert len(found.json()["items"]) == 2
    (order,) = (await shop.read("/orders"))["items"]
    assert order["event_count"] == 7


async def test_an_order_with_nothing_else_is_empty_and_there(shop: Shop) -> None:
    await shop.record(metadata={"maintenance": True})
    for path in (TIMELINE, "/orders/ord_1/events/order.note.added"):
        assert await shop.read(path) == {"items": [], "next_cursor": None}
        assert len((await shop.read(path, include="maintenance"))["items"]) == 1
    assert (await shop.get("/orders/ord_2/timeline")).status_code == 404


async def test_a_cursor_belongs_to_what_was_asked_for(shop: Shop) -> None:
    await lived(shop)
    for path in (TIMELINE, "/orders/ord_1/events/order.*"):
        shown = (await shop.read(path, limit=1))["next_cursor"]
        every = (await shop.read(path, limit=1, include="maintenance"))["next_cursor"]
        assert (await shop.get(path, cursor=shown, include="maintenance")).status_code == 400
        assert (await shop.get(path, cursor=every)).status_code == 400


@pytest.mark.parametrize("value", ["", "true", "Maintenance", "maintenance,maintenance"])
async def test_what_else_cannot_be_included(shop: Shop, value: str) -> None:
    await shop.record()
    for path in (TIMELINE, "/orders/ord_1/events/order.*"):
        answer = await shop.get(path, include=value)
        assert (answer.status_code, pointers(answer)) == (422, ["/include"])
