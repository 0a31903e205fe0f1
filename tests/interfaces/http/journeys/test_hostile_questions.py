"""Questions that want to break or to block the service: refused, or answered within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.interfaces.http.journeys.house import BASE, House, Shop
from tests.interfaces.http.journeys.searching import ask, found

pytestmark = pytest.mark.anyio
INJECTIONS = (
    "'; drop table orders; --",
    "%(tenant)s",
    "%s%s%s",
    "%",
    "\\",
    "' or '1'='1",
    "{}}]",
    "\u202e\ufeff\u200b",
    "a\nb\tc",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "ß" * 200,
    "_" * 200,
)


@pytest.fixture(scope="module")
async def shop(house: House) -> Shop:
    shop = house.shop()
    payload = {"number": "100%_real", "items": [{"sku": "a'b\\c"}], "gateway": "x' or 1=1"}
    await shop.record("ord_1", payload=payload)
    await shop.record("ord_2", payload={"number": "100 real"})
    return shop


@pytest.mark.parametrize("text", INJECTIONS)
async def test_texts_are_nothing_but_texts(shop: Shop, text: str) -> None:
    for query in (
        {"text": text},
        {"ident": text},
        {"ident": text, "exact": True},
        {"field": "type", "eq": text},
        {"field": "source", "prefix": text},
        {"field": "order.status", "in": [text]},
        {"field": "order.sku", "gt": text},
        {"field": "payload.gateway", "lte": text},
    ):
        for path in ("/search", "/aggregations"):
            answer = await ask(shop, path, {"query": query})
            assert answer.status_code in (200, 422), answer.text
    answer = await ask(shop, "/topk", {"field": text})
    assert answer.status_code == 422
    answer = await ask(shop, "/aggregations", {"group_by": [text]})
    assert answer.status_code == 422
    assert len(await found(shop, {"all": []})) == 2


async def test_wildcards_are_characters(shop: Shop) -> None:
    assert len(await found(shop, {"ident": "100%_"})) == 1
    assert len(await found(shop, {"ident": "a'b\\c"})) == 1
    assert await found(shop, {"ident": "100_r"}) == []
    assert len(await found(shop, {"field": "payload.gateway", "eq": "x' or 1=1"})) == 1


def nested(depth: int, leaf: str, word: str = "not") -> str:
    return f'{{"{word}":' * depth + leaf + "}" * depth


LEAF = '{"text":"x"}'
RAW = [
    '{"query":' + nested(60, LEAF) + "}",
    '{"query":' + nested(5000, LEAF) + "}",
    '{"query":{"text":"\\ud800"}}',
    '{"query":{"text":"a\\u0000b"}}',
    '{"query":{"ident":"abc\\u0000def"}}',
    '{"query":{"field":"type","eq":"\\u0000"}}',
    '{"query":{"field":"sequence","gt":1e400}}',
    '{"query":{"field":"sequence","gt":99999999999999999999999}}',
    '{"query":{"field":"payload.weight_g","gt":1e308},"limit":1e3}',
    '{"query":{"field":"payload.amount_minor","in":[]}}',
    '{"query":{"any":[]}}',
    '{"query":null}',
    '{"query":"text"}',
    '{"query":{"text":"x"},"query":{"text":"y"}}',
    '{"query":{"text":"x"},"limit":NaN}',
    '{"query":{"text":"x"},"cursor":"' + "A" * 5000 + '"}',
    '{"query":{"text":"x"},"cursor":"\\u00e9"}',
    "",
    "[",
    "\ufeff{}",
]


@pytest.mark.parametrize("raw", RAW)
async def test_what_is_malformed_or_out_of_bounds(shop: Shop, raw: str) -> None:
    answer = await shop.as_role("support").post(
        f"{BASE}/search", content=raw.encode(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text


async def test_ten_thousand_clauses(shop: Shop) -> None:
    for word in ("all", "any"):
        clauses: list[Any] = [{"text": f"w{n}"} for n in range(10_000)]
        for path in ("/search", "/aggregations"):
            answer = await ask(shop, path, {"query": {word: clauses}})
            assert answer.status_code in (413, 422)
            assert len(answer.content) < 50_000
    answer = await ask(shop, "/search", {"query": {"field": "type", "in": ["x"] * 10_000}})
    assert answer.status_code == 422


async def test_the_largest_questions_are_answered(shop: Shop) -> None:
    """As much as the bounds allow, in each of the ways in which it can be a lot of work."""
    without = [{"not": {"field": "payload.items.qty", "gt": n}} for n in range(120)]
    for query in (
        {"any": [{"ident": f"1{n:02}0%", "exact": False} for n in range(100)]},
        {"any": [{"text": f"w{n} v{n}"} for n in range(250)]},
        {"all": [*without, {"ident": "100"}]},
        {"any": [{"field": "order.sku", "prefix": f"s{n}"} for n in range(250)]},
        {"field": "payload.gateway", "in": [f"g{n}" for n in range(1000)]},
        json.loads(nested(14, LEAF)),
    ):  # fmt: skip
        for body in ({"sort": ["relevance"]}, {"return": "orders"}, {}):
            answer = await ask(shop, "/search", {"query": query, **body})
            assert answer.status_code == 200, answer.text


async def test_a_body_that_is_too_large(shop: Shop) -> None:
    answer = await ask(shop, "/search", {"query": {"text": "x" * 300_000}})
    assert answer.status_code == 413
    answer = await shop.as_role("support").post(
        f"{BASE}/topk", content=b"{}", headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415
