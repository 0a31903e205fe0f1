"""Searching over HTTP: what is found, what is shown of it, and what is refused."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pytest

from domain.snapshots.events import CAPTURED
from infrastructure.postgres.connect import address
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, pointers

pytestmark = pytest.mark.anyio


async def ask(shop: Shop, path: str, body: Any, role: str = "support") -> httpx.Response:
    """Once the read model has what was written before."""
    headers = {"X-Min-Sequence": str(await shop.head())}
    return await shop.as_role(role).post(BASE + path, json=body, headers=headers)


async def found(shop: Shop, query: Json, role: str = "support", **asked: Any) -> list[Json]:
    answer = await ask(shop, "/search", {"query": query, **asked}, role)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


@pytest.fixture(scope="module")
async def shop(house: House) -> Shop:
    shop = house.shop()
    await shop.record(
        "ord_1",
        type="order.created",
        payload={
            "number": "MAG-0077",
            "currency": "EUR",
            "total_minor": 500,
            "items": [{"sku": "SKU-1", "name": "Blue Shirt", "qty": 2, "unit_price_minor": 250}],
            "customer": {"id": "c1", "email": "Ann@Example.com", "phone": "+49 170 1234567"},
        },
        metadata={"actor_id": "agent_1"},
    )
    payment = {"payment_id": "pay_1", "amount_minor": 500, "currency": "EUR", "gateway": "adyen"}
    await shop.record("ord_1", type="order.payment.succeeded", payload=payment)
    await shop.record("ord_2", occurred_at="2025-01-02T10:00:00Z", payload={"note": "blue ann"})
    await shop.record(
        "ord_2",
        type="order.payment.succeeded",
        occurred_at="2025-01-03T10:00:00Z",
        payload={**payment, "payment_id": "pay_2", "amount_minor": 700, "currency": "GBP"},
    )
    return shop


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


async def test_a_cursor_belongs_to_its_question_and_tenant(house: House, shop: Shop) -> None:
    asked = {"query": {"text": "order"}, "limit": 1}
    cursor = (await ask(shop, "/search", asked)).json()["next_cursor"]
    for other in ({"query": {"text": "payment"}}, {**asked, "sort": ["sequence"]},
                  {**asked, "return": "orders"}):  # fmt: skip
        assert (await ask(shop, "/search", {**other, "cursor": cursor})).status_code == 400
    assert (await ask(shop, "/search", {**asked, "limit": 2, "cursor": cursor})).status_code == 200
    foreign = await ask(house.shop(), "/search", {**asked, "cursor": cursor})
    assert foreign.status_code == 400
    by_total = {**asked, "return": "orders", "sort": ["total_minor"]}
    cursor = (await ask(shop, "/search", by_total)).json()["next_cursor"]
    assert (await ask(shop, "/search", {**by_total, "cursor": cursor})).status_code == 200
    for sort in ("created_at", {"by": "total_minor", "order": "asc"}):
        other = {**by_total, "sort": [sort], "cursor": cursor}
        assert (await ask(shop, "/search", other)).status_code == 400


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


async def test_a_process_with_another_secret_than_the_index_says_so(shop: Shop) -> None:
    """As one that was not restarted after a rebuild with a new one: never an empty 200."""
    assert len(await found(shop, {"text": "shirt"})) == 1
    url = address(shop.house.settings.database_url, "cell_0", name="test", as_owner=True)
    turned = "update search_key set fingerprint = sha256(fingerprint) returning fingerprint"
    with psycopg.connect(url) as connection:
        (own,) = connection.execute("select fingerprint from search_key").fetchone() or (None,)
        connection.execute(turned)
    try:
        for path, body in (
            ("/search", {"query": {"text": "shirt"}}),
            ("/search", {"query": {"ident": "0077"}, "return": "orders"}),
            ("/aggregations", {"query": {"text": "shirt"}}),
            ("/topk", {"field": "type", "query": {"text": "shirt"}}),
        ):
            answer = await ask(shop, path, body)
            assert answer.status_code == 503, answer.text
            assert "search.key is not the one of the index" in answer.json()["detail"]
        health = (await shop.as_role("operator").get(f"{BASE}/health")).json()
        assert health["subsystems"]["search"]["status"] == "down"
    finally:
        with psycopg.connect(url) as connection:
            connection.execute("update search_key set fingerprint = %s", (own,))
    assert len(await found(shop, {"text": "shirt"})) == 1


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


async def test_whoever_reads_events_alone_does_not_ask_of_orders(shop: Shop) -> None:
    role = {"role": "events_only", "permissions": ["events.read"]}
    made = await shop.as_role("admin").post(f"{BASE}/roles", json=role)
    assert made.status_code == 201, made.text
    by_total: Json = {"field": "order.total_minor", "eq": 500}
    highest = {"op": "max", "field": "order.total_minor"}
    for path, body in (
        ("/search", {"query": by_total}),
        ("/search", {"query": {"all": [{"text": "x"}, {"any": [{"not": by_total}]}]}}),
        ("/search", {"query": {"text": "shirt"}, "return": "orders"}),
        ("/aggregations", {"query": by_total}),
        ("/aggregations", {"group_by": ["type", "order.status"]}),
        ("/aggregations", {"measures": [{"op": "count"}, highest]}),
        ("/topk", {"field": "order.customer_id"}),
        ("/topk", {"field": "type", "measure": {"op": "count", "field": "order.number"}}),
    ):  # fmt: skip
        answer = await ask(shop, path, body, "events_only")
        assert answer.status_code == 403, answer.text
        assert "orders.read" in answer.json()["detail"]
        assert (await ask(shop, path, body, "history_reader")).status_code == 200
    assert len(await found(shop, {"text": "shirt"}, "events_only")) == 1


async def test_who_may_ask(shop: Shop) -> None:
    for path in ("/search", "/aggregations", "/topk"):
        for role in ("producer", "operator"):
            assert (await ask(shop, path, {"query": {"all": []}}, role)).status_code == 403
        nobody = await shop.house.client(None).post(BASE + path, json={})
        assert nobody.status_code == 401


WRONG: list[tuple[Any, list[str]]] = [
    ({}, ["/query"]),
    ([], [""]),
    ({"query": {"text": "x"}, "retrun": "events"}, ["/retrun"]),
    ({"query": {"text": "x"}, "return": "all"}, ["/return"]),
    ({"query": {"text": "x"}, "limit": 0}, ["/limit"]),
    ({"query": {"text": "x"}, "limit": 1001}, ["/limit"]),
    ({"query": {"text": "x"}, "limit": "5"}, ["/limit"]),
    ({"query": {"text": "x"}, "cursor": 5}, ["/cursor"]),
    ({"query": {"text": "x"}, "explain": 1}, ["/explain"]),
    ({"query": {"text": "x"}, "sort": "amount"}, ["/sort"]),
    ({"query": {"text": "x"}, "sort": ["amount", "sequence"]}, ["/sort"]),
    ({"query": {"text": "x"}, "sort": ["price"]}, ["/sort/0/by"]),
    ({"query": {"text": "x"}, "sort": [{"by": "amount", "order": "up"}]}, ["/sort/0/order"]),
    ({"query": {"text": "x"}, "sort": [{"by": ["amount"]}]}, ["/sort/0/by"]),
    ({"query": {"text": "x"}, "sort": [{"by": "relevance", "order": "asc"}]}, ["/sort/0/order"]),
    ({"query": {"text": "x"}, "return": "orders", "sort": ["amount"]}, ["/sort/0/by"]),
    ({"query": {"text": "x"}, "return": "orders", "sort": ["sequence"]}, ["/sort/0/by"]),
    ({"query": {"text": "x"}, "sort": ["total_minor"]}, ["/sort/0/by"]),
    ({"query": {"field": "payload.gatway", "eq": 1}, "limit": 0}, ["/query/field", "/limit"]),
]


@pytest.mark.parametrize(("body", "wrong"), WRONG)
async def test_what_is_wrong_is_told(shop: Shop, body: Any, wrong: list[str]) -> None:
    answer = await ask(shop, "/search", body)
    assert answer.status_code == 422
    assert pointers(answer) == wrong


async def test_the_nearest_name_is_told(shop: Shop) -> None:
    answer = await ask(shop, "/search", {"query": {"text": "x"}, "retrun": "events"})
    assert "did you mean return?" in answer.json()["detail"]


async def test_a_part_of_too_many_identifiers(house: House) -> None:
    shop = house.shop()
    for start in range(0, 400, 100):
        await shop.record_all(
            shop.event(payload={"items": [{"sku": f"common-{start + at}-{n}"} for n in range(3)]})
            for at in range(100)
        )
    answer = await ask(shop, "/search", {"query": {"ident": "common"}})
    assert answer.status_code == 422
    assert "more than 1,000 identifiers" in answer.json()["detail"]
    assert "common" not in answer.text  # it may be a part of what is personal
    assert len(await found(shop, {"ident": "common-7-"})) == 1
