"""A search, a count and a whole order tell of no more than what a role reaches."""

from __future__ import annotations

import pytest

from tests.interfaces.http.journeys.house import BASE, Shop
from tests.interfaces.http.journeys.scoping import ANN, EACH, READS, SEEN, STORY, scoped_shop
from tests.interfaces.http.journeys.searching import ask

pytestmark = pytest.mark.anyio
told = scoped_shop


@EACH
async def test_search(told: Shop, role: str) -> None:
    everything = await ask(told, "/search", {"query": {"all": []}, "sort": ["sequence"]}, role)
    found = [item["event_id"] for item in everything.json()["items"]]
    assert sorted(found) == sorted(SEEN[role])
    words = await ask(told, "/search", {"query": {"text": "declined"}}, role)
    expected = [one for one in SEEN[role] if one == "w2"]
    assert [item["event_id"] for item in words.json()["items"]] == expected
    excluded = {"query": {"not": {"field": "type", "eq": "order.created"}}}
    answer = await ask(told, "/search", excluded, role)
    assert {item["event_id"] for item in answer.json()["items"]} == (set(SEEN[role]) - {"w1", "s1"})


@EACH
async def test_counts(told: Shop, role: str) -> None:
    for body in (
        {"measures": [{"op": "count"}]},
        {"measures": [{"op": "count"}], "query": {"all": []}},
    ):
        answer = await ask(told, "/aggregations", body, role)
        assert answer.json()["groups"][0]["values"] == [len(SEEN[role])]
    top = await ask(told, "/topk", {"field": "source"}, role)
    groups = {group["key"]["source"]: group["values"][0] for group in top.json()["groups"]}
    sources = [event["source"] for event in STORY if event["event_id"] in SEEN[role]]
    assert groups == {source: sources.count(source) for source in sources}


async def test_intervals_do_not_tell_when_events_out_of_reach_were(shop: Shop) -> None:
    role = {"role": "payments", "permissions": READS, "scope": {"sources": ["stripe"]}}
    assert (await shop.as_role("admin").post(f"{BASE}/roles", json=role)).status_code == 201
    by_hour = {"group_by": [{"field": "occurred_at", "interval": "hour"}]}
    assert (await ask(shop, "/aggregations", by_hour, "payments")).json()["groups"] == []
    await shop.record(source="shop", occurred_at="2001-01-01T00:00:00Z")
    await shop.record(source="stripe", occurred_at="2025-01-01T00:00:00Z")
    await shop.record(source="stripe", occurred_at="2025-01-01T02:00:00.5Z")
    answer = await ask(shop, "/aggregations", by_hour, "payments")
    assert [one["values"] for one in answer.json().get("groups", [])] == [[1], [0], [1]]
    open_end = {**by_hour, "query": {"field": "occurred_at", "gte": "2025-01-01T01:00:00Z"}}
    answer = await ask(shop, "/aggregations", open_end, "payments")
    assert [one["values"] for one in answer.json().get("groups", [])] == [[0], [1]]


@pytest.mark.parametrize("role", ["payments", "failures"])
async def test_who_sees_parts_of_orders_has_no_right_to_whole_ones(told: Shop, role: str) -> None:
    for path in (
        "/orders",
        "/orders/ord_web/snapshot",
        "/orders/ord_web/timeline/aggregate",
        "/orders/ord_web/snapshots",
        "/snapshots/snap_ord_web",
    ):
        answer = await told.get(path, role)
        assert answer.status_code == 403, path
        assert "not limited" in answer.json()["detail"]
    for body in (
        {"query": {"text": "declined"}, "return": "orders"},
        {"query": {"field": "order.status", "eq": "pending"}},
    ):
        assert (await ask(told, "/search", body, role)).status_code == 403
    by_status = {"group_by": ["order.status"]}
    assert (await ask(told, "/aggregations", by_status, role)).status_code == 403


async def test_whole_orders_of_a_channel(told: Shop) -> None:
    assert [one["order_id"] for one in await told.walk("/orders", "web")] == ["ord_web"]
    assert await told.walk("/orders", "web", sort="total_minor", status="pending")
    for path in ("/snapshot", "/timeline/aggregate", "/snapshots"):
        assert (await told.get(f"/orders/ord_web{path}", "web")).status_code == 200
        assert (await told.get(f"/orders/ord_store{path}", "web")).status_code == 404
    assert (await told.get("/snapshots/snap_ord_web", "web")).status_code == 200
    assert (await told.get("/snapshots/snap_ord_store", "web")).status_code == 404
    found = await ask(told, "/search", {"query": {"all": []}, "return": "orders"}, "web")
    assert [one["order_id"] for one in found.json()["items"]] == ["ord_web"]


async def test_who_does_not_see_all_persons_does_not_find_by_them(told: Shop) -> None:
    by_mail = {"query": {"ident": ANN, "exact": True}}

    async def found(role: str) -> list[str]:
        answer = await ask(told, "/search", by_mail, role)
        return [item["event_id"] for item in answer.json()["items"]]

    assert await found("support") == ["w1"]
    assert await found("contacts") == ["w1"]
    assert await found("web") == ["w1"]
    assert await found("auditor") == []
    body = {"role": "names", "permissions": READS, "scope": {"personal": ["name"]}}
    await told.as_role("admin").post(f"{BASE}/roles", json=body)
    assert await found("names") == []
