"""Snapshots over HTTP, for tests: uploaded, deleted and computed."""

from __future__ import annotations

from typing import Any

import httpx

from tests.interfaces.http.journeys.house import BASE, Json, Shop

STATE = {
    "status": "paid",
    "total_minor": 100,
    "customer": {"id": "c", "name": "Jo Roe", "email": "jo@example.org"},
    "memo": "4111 1111 1111 1111",
}


def snapshot(snapshot_id: str = "snap_1", **changed: Any) -> Json:
    body = {
        "snapshot_id": snapshot_id,
        "captured_at": "2025-01-01T12:00:00Z",
        "source": "shop",
        "state": STATE,
        **changed,
    }
    return {name: value for name, value in body.items() if value is not None}


async def upload(shop: Shop, body: Json, order_id: str = "ord_1") -> httpx.Response:
    path = f"{BASE}/orders/{order_id}/snapshots"
    return await shop.as_role("producer").post(path, json=body)


async def delete(shop: Shop, snapshot_id: str = "snap_1") -> httpx.Response:
    return await shop.as_role("admin").delete(f"{BASE}/snapshots/{snapshot_id}")


async def compute(shop: Shop, asked: Json, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await shop.as_role("investigator").post(
        f"{BASE}/snapshots/compute", json=asked, headers=headers
    )
