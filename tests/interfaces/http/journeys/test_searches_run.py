"""Saved searches, run: page by page, by each role, over the last days, for their tenant alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.times import to_us
from interfaces.composition.maintenance import rebuild_models
from tests.interfaces.http.journeys.house import BASE, ROLES, Shop
from tests.interfaces.http.journeys.saving import PATH, QUERY, draft, saved

pytestmark = pytest.mark.anyio


async def ids(shop: Shop, search_id: str, **query: Any) -> list[str]:
    found = await shop.walk(f"/searches/{search_id}/results", **query)
    return [item["event_id"] for item in found]


@pytest.fixture
async def declined(shop: Shop) -> Shop:
    """A tenant with five events that were declined, and one that was not."""
    for number in range(1, 6):
        await shop.record(
            f"ord_{number % 2}",
            event_id=f"evt_d{number}",
            occurred_at=f"2025-01-0{number}T00:00:00Z",
            payload={"memo": "card declined", "note": "Jane"},
        )
    await shop.record(event_id="evt_other")
    return shop


async def test_it_is_run_page_by_page(declined: Shop) -> None:
    one = await saved(declined, search={"query": QUERY, "limit": 2})
    path = f"/searches/{one['search_id']}/results"
    first = await declined.read(path)
    assert [item["event_id"] for item in first["items"]] == ["evt_d5", "evt_d4"]
    assert first["items"][0]["highlights"] == [
        {"pointer": "/payload/memo", "matches": ["declined"]}
    ]
    rest = await declined.read(path, cursor=first["next_cursor"], limit=10)
    assert [item["event_id"] for item in rest["items"]] == ["evt_d3", "evt_d2", "evt_d1"]
    assert rest["next_cursor"] is None
    asked = await declined.as_role("history_reader").post(f"{BASE}/search", json=one["search"])
    assert asked.json()["items"] == first["items"]


async def test_orders_sorting_and_what_explains_are_kept(declined: Shop) -> None:
    search = {"query": QUERY, "return": "orders", "explain": True}
    orders = await saved(declined, search=search)
    answer = await declined.read(f"/searches/{orders['search_id']}/results")
    assert [item["order_id"] for item in answer["items"]] == ["ord_1", "ord_0"]
    assert answer["explain"]["indexes"]
    first = {**search, "sort": [{"by": "created_at", "order": "asc"}], "limit": 1}
    by_birth = await saved(declined, name="By birth", search=first)
    path = f"/searches/{by_birth['search_id']}/results"
    page = await declined.read(path)
    rest = await declined.read(path, cursor=page["next_cursor"])
    found = [item["order_id"] for item in page["items"] + rest["items"]]
    listed = await declined.walk("/orders", sort="created_at")
    assert found == [item["order_id"] for item in reversed(listed)]
    oldest = {"query": QUERY, "sort": [{"by": "occurred_at", "order": "asc"}], "limit": 3}
    by_age = await saved(declined, name="Oldest", search=oldest)
    assert await ids(declined, by_age["search_id"]) == [f"evt_d{n}" for n in range(1, 6)]


async def test_each_sees_of_it_what_it_may(declined: Shop) -> None:
    one = await saved(declined, "support")
    for role in set(ROLES) - {"producer", "operator"}:
        text = (await declined.get(f"/searches/{one['search_id']}/results", role)).text
        assert ("Jane" in text) is (role in {"support", "investigator", "admin"})
    for role in ("producer", "operator"):
        for path in ("/searches", f"/searches/{one['search_id']}/results"):
            assert (await declined.get(path, role)).status_code == 403


async def test_the_last_days_move_with_the_clock(shop: Shop) -> None:
    now = datetime.now(UTC)
    for days in (0, 1, 2, 6, 8, 300):
        at = (now - timedelta(days=days, minutes=5)).isoformat()
        await shop.record(event_id=f"evt_{days}", occurred_at=at, payload={"memo": "declined"})
    week = await saved(shop, last="P7D")
    assert await ids(shop, week["search_id"], limit=1) == ["evt_0", "evt_1", "evt_2", "evt_6"]
    day = await saved(shop, name="Today", last="PT24H")
    assert await ids(shop, day["search_id"]) == ["evt_0"]


async def test_a_walk_keeps_the_window_that_it_began_with(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    for days in (1, 6):
        at = (now - timedelta(days=days)).isoformat()
        await shop.record(event_id=f"evt_{days}", occurred_at=at, payload={"memo": "declined"})
    path = f"/searches/{(await saved(shop, last='P7D'))['search_id']}/results"
    first = await shop.read(path, limit=1)
    later = to_us(now + timedelta(days=2))
    monkeypatch.setattr(shop.house.services, "clock", lambda: later)
    rest = await shop.read(path, cursor=first["next_cursor"])
    assert [item["event_id"] for item in first["items"] + rest["items"]] == ["evt_1", "evt_6"]
    assert [item["event_id"] for item in (await shop.read(path))["items"]] == ["evt_1"]


async def test_a_cursor_goes_with_its_saved_search(declined: Shop) -> None:
    one, other = await saved(declined), await saved(declined, name="Other")
    path = f"/searches/{one['search_id']}/results"
    cursor = (await declined.read(path, limit=1))["next_cursor"]
    elsewhere = f"/searches/{other['search_id']}/results"
    assert (await declined.get(elsewhere, cursor=cursor)).status_code == 400
    assert (await declined.get(path, cursor=cursor)).status_code == 200
    client = declined.as_role("history_reader")
    body = draft(search={"query": {"text": "card"}})
    changed = await client.put(f"{PATH}/{one['search_id']}", json=body)
    assert changed.status_code == 200
    assert (await declined.get(path, cursor=cursor)).status_code == 400


async def test_another_tenants_is_nothing(declined: Shop) -> None:
    one = await saved(declined)
    ours = declined.house.shop()
    client = ours.as_role("admin")
    for search_id in (one["search_id"], "search_none"):
        path = f"{PATH}/{search_id}"
        for answer in (
            await client.get(path),
            await client.get(f"{path}/results"),
            await client.put(path, json=draft()),
            await client.delete(path),
        ):
            assert answer.status_code == 404
            assert answer.json()["detail"] == "there is no such saved search"
    assert await ours.read("/searches") == {"items": [], "total": 0}
    assert await ids(declined, one["search_id"])


async def test_a_rebuild_leaves_it(declined: Shop) -> None:
    one = await saved(declined)
    before = await ids(declined, one["search_id"])
    await rebuild_models(declined.house.settings, ["orders"], lambda *_: None)
    assert await declined.read(f"/searches/{one['search_id']}") == one
    assert await ids(declined, one["search_id"]) == before
