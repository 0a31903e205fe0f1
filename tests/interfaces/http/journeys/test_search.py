"""Searching over HTTP: what is found, and what is shown of it."""

from __future__ import annotations

from typing import Any

import pytest

from domain.snapshots.events import CAPTURED
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop
from tests.interfaces.http.journeys.searching import ask, found, searched_shop

pytestmark = pytest.mark.anyio
shop = searched_shop


async def test_words_are_found_and_marked(shop: Shop) -> None:
    (event,) = await found(shop, {"text": "SHIRT blue"})
    assert event["order_id"] == "ord_1"
    mark = {"pointer": "/payload/items/0/name", "matches": ["blue", "shirt"]}
    assert event["highlights"] == [mark]
    without = {name: value for name, value in event.items() if name != "highlights"}
    assert without == await shop.read(f"/events/{event['event_id']}", "support")


async def test_a_part_of_an_identifier_is_found_and_marked(shop: Shop) -> None:
    (event,) = await found(shop, {"ident": "g-0077"})
    assert event["highlights"] == [{"pointer": "/payload/number", "matches": ["MAG-0077"]}]
    assert await found(shop, {"ident": "g-0077", "exact": True}) == []


@pytest.mark.parametrize("ident", ["ann@EXAMPLE.com", "0049 (170) 123 45 67"])
async def test_persons_are_found_by_who_may_see_them(shop: Shop, ident: str) -> None:
    (event,) = await found(shop, {"ident": ident})
    (mark,) = event["highlights"]
    assert mark["pointer"].startswith("/payload/customer/")
    for role in ("history_reader", "auditor"):
        assert await found(shop, {"ident": ident}, role) == []
        assert await found(shop, {"ident": ident}, role, **{"return": "orders"}) == []
        counted = await ask(shop, "/aggregations", {"query": {"ident": ident}}, role)
        assert counted.json()["groups"] == [{"key": {}, "values": [0]}]


async def test_what_is_masked_is_neither_shown_nor_marked(shop: Shop) -> None:
    (event,) = await found(shop, {"text": "shirt"}, "history_reader")
    assert event["payload"]["customer"]["email"] == {"masked": True}
    assert [mark["pointer"] for mark in event["highlights"]] == ["/payload/items/0/name"]
    assert await found(shop, {"text": "ann"}) == []  # the note is personal


async def test_orders_newest_match_first(shop: Shop) -> None:
    orders = await found(shop, {"field": "payload.amount_minor", "gte": 1}, **{"return": "orders"})
    assert [order["order_id"] for order in orders] == ["ord_2", "ord_1"]
    assert orders == [one for one in await shop.walk("/orders") if one in orders]


async def test_orders_by_what_they_are_now(house: House) -> None:
    shop = house.shop()
    totals = {"ord_1": 300, "ord_2": None, "ord_3": 100, "ord_4": 300}
    for hour, (order_id, total) in enumerate(totals.items()):
        payload = {"currency": "EUR", "total_minor": total} if total else {}
        kind = "order.created" if total else "order.note.added"
        at = f"2025-01-01T{10 + hour}:00:00Z"
        await shop.record(order_id, type=kind, occurred_at=at, payload={**payload, "code": "seen"})
    await shop.record("ord_1", occurred_at="2025-01-05T10:00:00Z", payload={})
    query: Json = {"field": "payload.code", "eq": "seen"}
    for sort, wanted in (
        ("occurred_at", "4321"),
        ({"by": "occurred_at", "order": "asc"}, "1234"),
        ("last_event_at", "1432"),
        ({"by": "last_event_at", "order": "asc"}, "2341"),
        ("created_at", "4321"),
        ("total_minor", "4132"),
        ({"by": "total_minor", "order": "asc"}, "3142"),
        ("relevance", "4321"),
    ):
        orders = await found(shop, query, sort=[sort], **{"return": "orders"})
        assert [order["order_id"] for order in orders] == [f"ord_{one}" for one in wanted], sort
    for by in ("last_event_at", "created_at", "total_minor"):
        listed = await shop.walk("/orders", sort=by)
        assert await found(shop, {"all": []}, sort=[by], **{"return": "orders"}) == listed
        zones: Json = {"all": [query, {"not": {"field": "payload.zone", "eq": "A"}}]}
        assert await found(shop, zones, sort=[by], **{"return": "orders"}) == listed


async def test_pages_with_a_cursor(shop: Shop) -> None:
    choices: list[Json] = [{}, {"return": "orders"}, *({"sort": [by]} for by in SORTS)]
    choices += [{"return": "orders", "sort": [by]} for by in ORDER_SORTS]
    for more in choices:
        asked: Json = {"query": {"any": [{"text": "order"}, {"ident": "ord_"}]}, "limit": 1, **more}
        seen: list[Json] = []
        cursor = None
        while True:
            answer = await ask(shop, "/search", {**asked, "cursor": cursor})
            assert answer.status_code == 200, answer.text
            seen += answer.json()["items"]
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                break
        assert seen == await found(shop, **{**asked, "limit": 1000})
        assert len(seen) == (2 if "return" in more else 4)


SORTS: tuple[Any, ...] = (
    "occurred_at",
    "sequence",
    "amount",
    "relevance",
    {"by": "occurred_at", "order": "asc"},
    {"by": "amount", "order": "asc"},
)


ORDER_SORTS: tuple[Any, ...] = (
    "last_event_at",
    "created_at",
    "total_minor",
    "relevance",
    {"by": "occurred_at", "order": "asc"},
    {"by": "total_minor", "order": "asc"},
)


async def test_relevance_counts_what_is_asked_for(shop: Shop) -> None:
    query = {"any": [{"text": "payment"}, {"text": "succeeded"}, {"text": "blue"}]}
    events = await found(shop, query, sort=["relevance"])
    assert [event["sequence"] for event in events] == [4, 2, 1]


async def test_what_is_read_is_explained(shop: Shop) -> None:
    answer = await ask(shop, "/search", {"query": {"text": "blue"}, "explain": True})
    explained = answer.json()["explain"]
    assert explained["indexes"] != []
    assert explained["reads_events"] is False
    query = {"field": "payload.items.qty", "gt": 1}
    answer = await ask(shop, "/search", {"query": query, "explain": True})
    assert answer.json()["explain"]["reads_events"] is True
    assert len(answer.json()["items"]) == 1
    for sort in ORDER_SORTS:
        asked = {"query": query, "explain": True, "return": "orders", "sort": [sort]}
        answer = await ask(shop, "/search", asked)
        assert answer.json()["explain"]["indexes"] != [], sort


async def test_tenants_are_apart(house: House, shop: Shop) -> None:
    other = house.shop()
    await other.record("ord_1", payload={"a": "blue shirt", "number": "MAG-0077"})
    queries: list[Json] = [
        {"text": "shirt"},
        {"ident": "0077"},
        {"field": "order_id", "eq": "ord_1"},
        {"field": "order.currency", "eq": "EUR"},
        {"all": []},
    ]
    for query in queries:
        own = {event["integrity"]["sha256"] for event in await found(shop, query)}
        others = {event["integrity"]["sha256"] for event in await found(other, query)}
        assert not own & others
    assert len(await found(other, {"all": []})) == 1
    assert await found(other, {"ident": "ann@example.com"}) == []
    assert await found(house.shop(), {"all": []}) == []


async def test_the_services_own_events_are_found_by_their_type(house: House) -> None:
    shop = house.shop()
    await shop.record("ord_1", payload={"note_id": "taken"})
    snapshot = {
        "snapshot_id": "snap_taken", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": {},
    }  # fmt: skip
    path = f"{BASE}/orders/ord_1/snapshots"
    assert (await shop.as_role("producer").post(path, json=snapshot)).status_code == 201
    own: list[Json] = [
        {"field": "type", "prefix": "history."},
        {"all": [{"text": "snapshot"}, {"field": "type", "eq": CAPTURED}]},
    ]
    for query in own:
        (event,) = await found(shop, query)
        assert event["type"] == CAPTURED
    others: list[Json] = [
        {"all": []},
        {"not": {"text": "nothing"}},
        {"field": "sequence", "gte": 1},
    ]
    for query in others:
        (event,) = await found(shop, query)
        assert event["order_id"] == "ord_1"
