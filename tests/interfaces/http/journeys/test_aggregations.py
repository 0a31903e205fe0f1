"""Counting, adding up and ranking over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interfaces.http.journeys.house import House, Json, Shop, pointers
from tests.interfaces.http.journeys.searching import ask

pytestmark = pytest.mark.anyio
AMOUNT = "payload.amount_minor"
PAID = {"field": "type", "eq": "order.payment.succeeded"}
PAYMENTS = [  # order, day, minor units, currency of the event
    ("ord_1", 1, 100, "EUR"),
    ("ord_1", 1, 300, "EUR"),
    ("ord_2", 4, 700, "GBP"),
    ("ord_2", 4, 50, None),
]


@pytest.fixture(scope="module")
async def shop(house: House) -> Shop:
    shop = house.shop()
    for order, currency, customer in (("ord_1", "EUR", "c1"), ("ord_2", "GBP", "c2")):
        payload: Json = {"currency": currency, "total_minor": 900, "channel": "web"}
        payload |= {"customer_id": customer, "items": [{"sku": f"SKU-{order}", "qty": 2}]}
        await shop.record(order, type="order.created", payload=payload)
    for order, day, amount, own in PAYMENTS:
        paid = {"payment_id": "p", "amount_minor": amount, "gateway": "adyen"}
        await shop.record(
            order,
            type="order.payment.succeeded",
            occurred_at=f"2025-01-0{day}T23:30:00Z",
            payload={**paid, **({"currency": own} if own else {})},
            metadata={"actor_id": f"agent_{day}"},
        )
    return shop


async def groups(shop: Shop, source: str = "rows", path: str = "/aggregations", **body: Any) -> Any:
    answer = await ask(shop, path, body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["from"] == source
    return [(*one["key"].values(), *one["values"]) for one in told["groups"]]


async def test_counts_come_from_the_rollup_where_it_can_tell(shop: Shop) -> None:
    assert await groups(shop, "rollup") == [(6,)]
    by_type = [("order.created", 2), ("order.payment.succeeded", 4)]
    assert await groups(shop, "rollup", group_by=["type"]) == by_type
    assert await groups(shop, group_by=["type"], query={"text": "order"}) == by_type
    assert await groups(shop, "rollup", query={"field": "type", "eq": "no.such"}) == [(0,)]


async def test_measures_by_currency(shop: Shop) -> None:
    ops = ("count", "sum", "avg", "min", "max", "p50", "p95")
    measures = [{"op": op, "field": AMOUNT} for op in ops]
    assert await groups(shop, measures=measures, group_by=["currency"], query=PAID) == [
        ("EUR", 2, 400, 200.0, 100, 300, 100, 300),
        ("GBP", 2, 750, 375.0, 50, 700, 50, 700),  # of one the order's currency counts
    ]
    one = {"all": [PAID, {"field": "payload.currency", "eq": "EUR"}]}
    summed: Json = {"measures": [{"op": "sum", "field": AMOUNT}], "group_by": ["currency"]}
    assert await groups(shop, "rollup", **summed, query=one) == [("EUR", 400)]


async def test_currencies_are_never_mixed(shop: Shop) -> None:
    for more in ({}, {"query": PAID}, {"query": {"text": "payment"}}, {"group_by": ["source"]},
                 {"group_by": ["payload.gateway"]}):  # fmt: skip
        body = {"measures": [{"op": "count"}, {"op": "sum", "field": AMOUNT}], **more}
        answer = await ask(shop, "/aggregations", body)
        assert answer.status_code == 422
        assert pointers(answer) == ["/measures/1"]
        assert "'currency' into group_by" in answer.json()["detail"]


READ = {"all": [PAID, {"not": {"field": "payload.none", "eq": 1}}]}
"""What `PAID` is true of, and told by reading the events."""


@pytest.mark.parametrize("query", [PAID, READ], ids=["rows", "events"])
@pytest.mark.parametrize("field", ["source", "order.customer_id", "payload.payment_id", "currency"])
@pytest.mark.parametrize("k", [1, 10])
async def test_amounts_of_several_currencies_are_not_ranked(
    shop: Shop, query: Json, field: str, k: int
) -> None:
    """Neither where each group has one currency, nor where the highest alone are told."""
    body: Json = {"field": field, "k": k, "measure": {"op": "sum", "field": AMOUNT}}
    answer = await ask(shop, "/topk", {**body, "query": query})
    assert answer.status_code == 422
    assert pointers(answer) == ["/measure"]
    assert "several currencies" in answer.json()["detail"]
    assert "group_by" not in answer.json()["detail"]
    euros = {"all": [query, {"field": "payload.currency", "eq": "EUR"}]}
    answer = await ask(shop, "/topk", {**body, "query": euros})
    assert [one["values"] for one in answer.json()["groups"]] == [[400]]


async def test_days_without_events_are_told(shop: Shop) -> None:
    by_day = {"field": "occurred_at", "interval": "day"}
    assert await groups(shop, "rollup", group_by=[by_day], query=PAID) == [
        ("2025-01-01T00:00:00Z", 2),
        ("2025-01-02T00:00:00Z", 0),
        ("2025-01-03T00:00:00Z", 0),
        ("2025-01-04T00:00:00Z", 2),
    ]
    berlin = {**by_day, "time_zone": "Europe/Berlin"}
    assert (await groups(shop, "rollup", group_by=[berlin], query=PAID))[0] == (
        "2025-01-01T23:00:00Z",
        2,
    )
    kolkata = {**by_day, "time_zone": "Asia/Kolkata"}  # no whole hours: not of the rollup
    assert (await groups(shop, group_by=[kolkata], query=PAID))[0] == ("2025-01-01T18:30:00Z", 2)
    within = {"field": "occurred_at", "gte": "2025-02-01T00:00:00Z", "lt": "2025-02-03T00:00:00Z"}
    assert await groups(shop, "rollup", group_by=[by_day], query=within) == [
        ("2025-02-01T00:00:00Z", 0),
        ("2025-02-02T00:00:00Z", 0),
    ]


async def test_a_trend_for_each_group(shop: Shop) -> None:
    by = ["type", {"field": "occurred_at", "interval": "month"}]
    assert await groups(shop, "rollup", group_by=by) == [
        ("order.created", "2025-01-01T00:00:00Z", 2),
        ("order.payment.succeeded", "2025-01-01T00:00:00Z", 4),
    ]


async def test_a_list_of_currencies_has_each_of_them(house: House) -> None:
    shop = house.shop()
    euros: Json = {"query": {"field": "payload.currency", "eq": "EUR"}, "group_by": ["type"]}
    await shop.record(type="billing.adjusted", payload={"currency": "EUR"})
    assert await groups(shop, "rollup", **euros) == [("billing.adjusted", 1)]
    await shop.record(type="billing.split", payload={"currency": ["USD", "EUR"]})
    both = [("billing.adjusted", 1), ("billing.split", 1)]
    assert await groups(shop, "rows", **euros) == both


async def test_bounds_within_an_hour_are_of_the_rows(shop: Shop) -> None:
    late = {"field": "occurred_at", "gt": "2025-01-01T23:30:00Z"}
    assert await groups(shop, query=late) == [(2,)]
    early = {"field": "occurred_at", "lt": "2025-01-01T23:00:00Z"}
    assert await groups(shop, "rollup", query=early) == [(2,)]


async def test_fields_of_orders_and_payloads(shop: Shop) -> None:
    assert await groups(shop, group_by=["order.channel"]) == [("web", 6)]
    by_sku = [("SKU-ord_1", 3), ("SKU-ord_2", 3)]
    assert await groups(shop, group_by=["order.sku"]) == by_sku
    of_payload = [("SKU-ord_1", 1), ("SKU-ord_2", 1), (None, 4)]
    assert await groups(shop, group_by=["payload.items.sku"]) == of_payload
    times = [{"op": "min", "field": "occurred_at"}, {"op": "max", "field": "occurred_at"}]
    first_and_last = [("2025-01-01T10:00:00Z", "2025-01-04T23:30:00Z")]
    assert await groups(shop, measures=times) == first_and_last


async def test_the_highest(shop: Shop) -> None:
    top = [("agent_1", 2), ("agent_4", 2)]
    assert await groups(shop, "rollup", "/topk", field="actor_id") == top
    assert await groups(shop, "rollup", "/topk", field="actor_id", k=1) == top[:1]
    on_the_fourth = {"field": "occurred_at", "gte": "2025-01-04T00:00:00Z"}
    within = {"field": "actor_id", "query": on_the_fourth}
    assert await groups(shop, "rollup", "/topk", **within) == top[1:]
    assert await groups(shop, "rollup", "/topk", field="payload.gateway") == [("adyen", 4)]
    by_type = [("order.payment.succeeded", 4), ("order.created", 2)]
    assert await groups(shop, "rollup", "/topk", field="type") == by_type
    by_amount = {"op": "max", "field": AMOUNT}
    query = {"all": [PAID, {"field": "payload.currency", "eq": "EUR"}]}
    assert await groups(
        shop, path="/topk", field="order.customer_id", measure=by_amount, query=query
    ) == [("c1", 300)]
    quantity = {"op": "sum", "field": "payload.items.qty"}
    assert await groups(shop, path="/topk", field="payload.items.sku", measure=quantity, k=1) == [
        ("SKU-ord_1", 2)
    ]


async def test_too_many_groups(shop: Shop) -> None:
    by_hour = {"field": "occurred_at", "interval": "hour"}
    long = {"field": "occurred_at", "gte": "2020-01-01T00:00:00Z", "lt": "2025-01-01T00:00:00Z"}
    answer = await ask(shop, "/aggregations", {"group_by": [by_hour], "query": long})
    assert answer.status_code == 422
    assert "more than 10,000 intervals" in answer.json()["detail"]


WRONG: list[tuple[str, Json, list[str]]] = [
    ("/aggregations", {"group": ["type"]}, ["/group"]),
    ("/aggregations", {"measures": [], "group_by": 5}, ["/measures", "/group_by"]),
    ("/aggregations", {"group_by": ["payload.gatway"]}, ["/group_by/0"]),
    ("/aggregations", {"query": {"txet": "x"}}, ["/query/txet"]),
    ("/topk", {}, ["/field"]),
    ("/topk", {"field": "actor_id", "k": 101}, ["/k"]),
    ("/topk", {"field": "actor_id", "measure": {"op": "max"}}, ["/measure/field"]),
    (
        "/topk",
        {"field": "type", "measure": {"op": "max", "field": "occurred_at"}},
        ["/measure/field"],
    ),
    ("/topk", {"field": "occurred_at"}, ["/field"]),
]


@pytest.mark.parametrize(("path", "body", "wrong"), WRONG)
async def test_what_is_wrong_is_told(shop: Shop, path: str, body: Json, wrong: list[str]) -> None:
    answer = await ask(shop, path, body)
    assert answer.status_code == 422
    assert pointers(answer) == wrong
