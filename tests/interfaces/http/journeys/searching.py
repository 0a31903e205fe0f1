"""Searches over HTTP, for tests: asked once the read model has what was written before."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.interfaces.http.journeys.house import BASE, House, Json, Shop


async def ask(shop: Shop, path: str, body: Any, role: str = "support") -> httpx.Response:
    """Once the read model has what was written before."""
    headers = {"X-Min-Sequence": str(await shop.head())}
    return await shop.as_role(role).post(BASE + path, json=body, headers=headers)


async def found(shop: Shop, query: Json, role: str = "support", **asked: Any) -> list[Json]:
    answer = await ask(shop, "/search", {"query": query, **asked}, role)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def of_ident(shop: Shop, ident: str) -> list[Json]:
    """The events that an admin finds by the whole of it, the oldest first."""
    return await found(shop, {"ident": ident, "exact": True}, "admin", sort=["sequence"])


@pytest.fixture(scope="module")
async def searched_shop(house: House) -> Shop:
    """To be taken as `shop`: two orders, with payments, and a person."""
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
