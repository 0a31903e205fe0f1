"""Who may search for what, and which questions are refused."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from infrastructure.postgres.connect import address
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, pointers
from tests.interfaces.http.journeys.searching import ask, found, searched_shop

pytestmark = pytest.mark.anyio
shop = searched_shop


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
