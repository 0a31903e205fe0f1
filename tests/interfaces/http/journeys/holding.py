"""Legal holds over HTTP, for tests: placed, released, and tried by deleting a snapshot."""

from __future__ import annotations

from typing import Any

import httpx

from tests.interfaces.http.journeys.house import BASE, Json, Shop, pointers

PATH = f"{BASE}/legal-hold"
ORDER: Json = {"target": "order", "target_id": "ord_1", "case_id": "case_1"}


async def placed(shop: Shop, **changed: Any) -> Json:
    body = {name: value for name, value in {**ORDER, **changed}.items() if value is not None}
    answer = await shop.as_role("admin").post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{PATH}/{answer.json()['hold_id']}"
    return dict(answer.json())


async def snapshot(shop: Shop, order_id: str = "ord_1", **state: Any) -> str:
    """A snapshot of an order that can be deleted; its id."""
    snapshot_id = f"snap_{await shop.head()}"
    body = {
        "snapshot_id": snapshot_id, "captured_at": "2025-01-01T12:00:00Z", "source": "shop",
        "state": {"status": "paid", **state},
    }  # fmt: skip
    path = f"{BASE}/orders/{order_id}/snapshots"
    answer = await shop.as_role("producer").post(path, json=body)
    assert answer.status_code == 201, answer.text
    return snapshot_id


async def delete(shop: Shop, snapshot_id: str) -> httpx.Response:
    return await shop.as_role("admin").delete(f"{BASE}/snapshots/{snapshot_id}")


async def release(shop: Shop, hold: Json) -> None:
    answer = await shop.as_role("admin").delete(f"{PATH}/{hold['hold_id']}")
    assert (answer.status_code, answer.content) == (204, b"")


async def is_held(shop: Shop, order_id: str, *holds: Json, **state: Any) -> bool:
    """Whether a deletion is refused, and by just these holds."""
    answer = await delete(shop, await snapshot(shop, order_id, **state))
    if answer.status_code == 204:
        return False
    assert answer.status_code == 409, answer.text
    assert pointers(answer) == []
    problem = answer.json()
    assert problem["type"].endswith("/on-hold")
    named = [{"hold_id": hold["hold_id"], "case_id": hold["case_id"]} for hold in holds]
    assert problem["holds"] == named
    assert all(one["hold_id"] in problem["detail"] for one in named)
    return True
