"""The jobs of a tenant: who sees which, page by page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.interfaces.http.journeys.house import BASE, Shop, pointers

pytestmark = pytest.mark.anyio

LINES = {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}


async def ingested(client: httpx.AsyncClient) -> str:
    made = await client.post(f"{BASE}/events/bulk", content=b"{bad", headers=LINES)
    assert made.status_code == 200, made.text
    return str(made.json()["job_id"])


async def jobs(client: httpx.AsyncClient, **query: Any) -> list[str]:
    """Ids, page by page."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await client.get(f"{BASE}/jobs", params={**query, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [job["job_id"] for job in page["items"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_own_jobs_or_all_of_the_tenant(shop: Shop) -> None:
    producer, operator = shop.as_role("producer"), shop.as_role("operator")
    another = shop.house.client("producer", shop.tenant, subject="another")
    assert await jobs(producer) == []
    own = [await ingested(producer) for _ in range(3)][::-1]
    others = await ingested(another)
    assert await jobs(producer, limit=2) == own
    assert await jobs(another) == [others]
    assert await jobs(operator, limit=1) == [others, *own]
    assert await jobs(shop.house.shop().as_role("admin")) == []


async def test_a_list_is_narrowed_by_kind_and_status(shop: Shop) -> None:
    made = await ingested(shop.as_role("producer"))
    admin = shop.as_role("admin")
    assert await jobs(admin, kind="bulk_ingest", status="succeeded") == [made]
    assert await jobs(admin, kind="bulk_ingest", status="running") == []
    assert await jobs(admin, kind="reindex") == []
    wrong = await admin.get(f"{BASE}/jobs", params={"status": "done"})
    assert (wrong.status_code, pointers(wrong)) == (422, ["/status"])


async def test_a_cursor_belongs_to_its_list(shop: Shop) -> None:
    for _ in range(2):
        await ingested(shop.as_role("producer"))
    admin = shop.as_role("admin")
    page = (await admin.get(f"{BASE}/jobs", params={"limit": 1})).json()
    foreign = {"limit": 1, "kind": "bulk_ingest", "cursor": page["next_cursor"]}
    assert (await admin.get(f"{BASE}/jobs", params=foreign)).status_code == 400
