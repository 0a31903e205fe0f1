"""Searches that are saved over HTTP, for tests."""

from __future__ import annotations

from typing import Any

from tests.interfaces.http.journeys.house import BASE, Json, Shop

QUERY: Json = {"text": "declined"}
PATH = f"{BASE}/searches"


def draft(**changed: Any) -> Json:
    return {"name": "Declined", "search": {"query": QUERY}, **changed}


async def saved(shop: Shop, role: str = "history_reader", **changed: Any) -> Json:
    answer = await shop.as_role(role).post(PATH, json=draft(**changed))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())
