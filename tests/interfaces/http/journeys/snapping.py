"""Snapshots over HTTP, for tests: uploaded, computed and waited for."""

from __future__ import annotations

import asyncio
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


async def finished(client: httpx.AsyncClient, location: str) -> Json:
    """The job, once it is over."""
    async with asyncio.timeout(20):
        while True:
            job = (await client.get(location)).json()
            if job["finished_at"] is not None:
                return dict(job)
            await asyncio.sleep(0.02)


async def compute(shop: Shop, asked: Json, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await shop.as_role("investigator").post(
        f"{BASE}/snapshots/compute", json=asked, headers=headers
    )
