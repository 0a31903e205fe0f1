"""Saved searches: kept, shared, run, changed; nothing personal among them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from domain.search.saved import MOST_SAVED
from domain.times import to_us
from infrastructure.postgres.connect import address
from interfaces.composition.maintenance import rebuild_models
from tests.interfaces.http.journeys.house import BASE, ROLES, House, Json, Shop, pointers

pytestmark = pytest.mark.anyio

QUERY: Json = {"text": "declined"}
PATH = f"{BASE}/searches"
# Long enough that no identifier drawn at random has them in it.
PERSONAL = ("jane@", "5550191", "555-0191", "555 0191", "4111111", "4111 1111")


def draft(**changed: Any) -> Json:
    return {"name": "Declined", "search": {"query": QUERY}, **changed}


async def saved(shop: Shop, role: str = "history_reader", **changed: Any) -> Json:
    answer = await shop.as_role(role).post(PATH, json=draft(**changed))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


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


def rows(house: House, tenant: str) -> Iterator[str]:
    url = address(house.settings.database_url, "cell_0", name="test")
    with psycopg.connect(url) as connection:
        statement = (
            "select concat(name, description, convert_from(search, 'utf8'), last, created_by)"
            " from saved_searches where tenant_id = %s"
        )
        for (text,) in connection.execute(statement, (tenant,)):
            yield text


async def test_what_is_saved_is_there_for_all_of_the_tenant(shop: Shop) -> None:
    search = {"sort": ["sequence"], "query": QUERY, "limit": 7, "return": "events"}
    answer = await shop.as_role("support").post(
        PATH, json=draft(search=search, description="Cards", last="P7D")
    )
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{PATH}/{made['search_id']}"
    assert made == {
        "search_id": made["search_id"],
        "name": "Declined",
        "description": "Cards",
        "search": search,
        "last": "P7D",
        "version": 1,
        "created_by": "a support",
        "created_at": made["created_at"],
        "changed_by": "a support",
        "changed_at": made["created_at"],
    }
    for role in ("history_reader", "auditor", "admin"):
        got = await shop.get(f"/searches/{made['search_id']}", role)
        assert got.json() == made
        assert got.headers["etag"] == answer.headers["etag"]
        item = {name: made[name] for name in made if name not in ("search", "last")}
        assert await shop.read("/searches", role) == {"items": [item], "total": 1}
    known = await shop.get(
        f"/searches/{made['search_id']}", headers={"If-None-Match": got.headers["etag"]}
    )
    assert known.status_code == 304


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


async def test_pages_by_number(shop: Shop) -> None:
    for name in ("c", "a", "b"):
        await saved(shop, name=name)
    pages = [await shop.read("/searches", page=page, limit=2) for page in (1, 2, 3)]
    names = [[item["name"] for item in page["items"]] for page in pages]
    assert names == [["a", "b"], ["c"], []]
    assert {page["total"] for page in pages} == {3}
    for wrong in ({"page": 0}, {"page": "x"}, {"limit": 1001}, {"cursor": "x"}):
        assert (await shop.get("/searches", **wrong)).status_code == 422


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["/name", "/search"]),
        ([], [""]),
        (draft(serach={}), ["/serach"]),
        (draft(name=" x"), ["/name"]),
        (draft(name="a\nb"), ["/name"]),
        (draft(description="x" * 1001, last="7 days"), ["/description", "/last"]),
        (draft(search=[]), ["/search"]),
        (draft(search={}), ["/search/query"]),
        (draft(search={"query": QUERY, "cursor": "x"}), ["/search/cursor"]),
        (draft(search={"query": {"field": "typ", "eq": "x"}}), ["/search/query/field"]),
        (
            draft(search={"query": {"all": [{"field": "payload.x.y", "eq": 1}]}}),
            ["/search/query/all/0/field"],
        ),
        (
            draft(search={"query": QUERY, "limit": 0, "return": "all", "sort": ["x"]}),
            ["/search/return", "/search/sort/0/by", "/search/limit"],
        ),
        (draft(search={"query": {"ident": "jane@example.com"}}), ["/search/query/ident"]),
        (draft(search={"query": {"ident": "+1-555-0191"}}), ["/search/query/ident"]),
        (draft(search={"query": {"ident": "15550191"}}), ["/search/query/ident"]),
        (
            draft(search={"query": {"any": [QUERY, {"text": "4111 1111 1111 1111"}]}}),
            ["/search/query/any/1/text"],
        ),
        (
            draft(name="jane@example.com", description="+1 555 0191"),
            ["/name", "/description"],
        ),
        (draft(search={"query": {"field": "type", "in": ["x" * 200] * 400}}), ["/search"]),
    ],
)
async def test_what_is_wrong_is_not_kept(shop: Shop, body: Any, where: list[str]) -> None:
    there = await saved(shop, name="There")
    client = shop.as_role("history_reader")
    for answer in (
        await client.post(PATH, json=body),
        await client.put(f"{PATH}/{there['search_id']}", json=body),
    ):
        assert answer.status_code == 422, answer.text
        assert pointers(answer) == where
        for personal in PERSONAL:
            assert personal not in answer.text
            assert not [row for row in rows(shop.house, shop.tenant) if personal in row]
    assert await shop.read(f"/searches/{there['search_id']}") == there


async def test_a_name_is_taken_once(shop: Shop) -> None:
    await saved(shop)
    second = await saved(shop, name="Second")
    client = shop.as_role("admin")
    for answer in (
        await client.post(PATH, json=draft()),
        await client.put(f"{PATH}/{second['search_id']}", json=draft()),
    ):
        assert answer.status_code == 409
        assert "'Declined'" in answer.json()["detail"]
    assert (await shop.read("/searches"))["total"] == 2
    await saved(shop.house.shop())


async def test_a_tenant_has_so_many(shop: Shop) -> None:
    url = address(shop.house.settings.database_url, "cell_0", name="test")
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into saved_searches"
            " select %s, 's' || n, 'n' || n, null, '{}', null, 1, 'a', 1, 'a', 1"
            " from generate_series(1, %s) n",
            (shop.tenant, MOST_SAVED),
        )
    answer = await shop.as_role("admin").post(PATH, json=draft())
    assert answer.status_code == 422
    assert "1,000 saved searches" in answer.json()["detail"]
    assert (await shop.as_role("admin").delete(f"{PATH}/s7")).status_code == 204
    await saved(shop)


async def test_who_saved_it_or_an_admin_changes_it(shop: Shop) -> None:
    one = await saved(shop, "support")
    path = f"{PATH}/{one['search_id']}"
    for role in ("history_reader", "auditor", "investigator"):
        client = shop.as_role(role)
        for answer in (await client.put(path, json=draft(name="Mine")), await client.delete(path)):
            assert answer.status_code == 403
            assert "searches.manage" in answer.json()["detail"]
    own = await shop.as_role("support").put(path, json=draft(name="New", description="d"))
    assert own.status_code == 200
    changed = await shop.as_role("admin").put(path, json=draft(name="Newer"))
    assert changed.json() == {
        **one,
        "name": "Newer",
        "version": 3,
        "changed_by": "a admin",
        "changed_at": changed.json()["changed_at"],
    }
    assert await shop.read(f"/searches/{one['search_id']}") == changed.json()
    assert (await shop.as_role("admin").delete(path)).status_code == 204
    for answer in (
        await shop.get(f"/searches/{one['search_id']}"),
        await shop.get(f"/searches/{one['search_id']}/results"),
        await shop.as_role("support").put(path, json=draft()),
        await shop.as_role("support").delete(path),
    ):
        assert answer.status_code == 404


async def test_only_what_is_still_as_it_was_read(shop: Shop) -> None:
    one = await saved(shop)
    client, path = shop.as_role("history_reader"), f"{PATH}/{one['search_id']}"

    async def put(name: str, tag: str) -> httpx.Response:
        return await client.put(path, json=draft(name=name), headers={"If-Match": tag})

    first = (await client.get(path)).headers["etag"]
    second = await put("Second", f'"another", {first}')
    assert second.status_code == 200
    stale = await put("Third", first)
    assert stale.status_code == 412
    assert pointers(stale) == []
    gone = await client.delete(path, headers={"If-Match": first})
    assert gone.status_code == 412
    assert (await client.get(path)).json()["name"] == "Second"
    assert (await put("Fourth", "*")).status_code == 200
    last = (await client.get(path)).headers["etag"]
    assert (await client.delete(path, headers={"If-Match": last})).status_code == 204


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
