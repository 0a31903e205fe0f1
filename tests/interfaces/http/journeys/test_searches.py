"""Saved searches: kept, listed, changed; nothing personal among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from domain.search.saved import MOST_SAVED
from infrastructure.postgres.connect import address
from tests.interfaces.http.journeys.house import House, Shop, pointers
from tests.interfaces.http.journeys.saving import PATH, QUERY, draft, saved

pytestmark = pytest.mark.anyio

# Long enough that no identifier drawn at random has them in it.
PERSONAL = ("jane@", "5550191", "555-0191", "555 0191", "4111111", "4111 1111")


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
