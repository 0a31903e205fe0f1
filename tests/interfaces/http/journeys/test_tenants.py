"""No answer differs between another tenant's thing and nothing at all."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from interfaces.http.openapi import operations
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, pointers

pytestmark = pytest.mark.anyio

IDS = {
    "event_id", "order_id", "correction_id", "snapshot_id", "search_id", "job_id", "type", "tile",
    "key_id", "hold_id", "role", "policy_id",
}  # fmt: skip
POLICY = {
    "name": "all", "applies_to": "events", "event_types": ["*"], "retain_for": "P1Y",
    "legal_basis": "contract", "action": "redact",
}  # fmt: skip
FOR_ALL = {"get_global_tile", "get_assignment"}
"""The global log holds digests of no tenant in particular; any subject has roles, if only none."""


@pytest.fixture(scope="module")
async def theirs(house: House) -> tuple[Shop, Json]:
    """A tenant with one of everything, and the ids of it."""
    shop = house.shop()
    stored = await shop.record(event_id="evt_theirs", payload={"note": "Jane"})
    await shop.record(
        type="order.correction", correction_of="evt_theirs", payload={"correction": "x"},
        event_id="evt_c_theirs",
    )  # fmt: skip
    body = {
        "snapshot_id": "snap_theirs", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": {},
    }  # fmt: skip
    producer = shop.as_role("producer")
    assert (await producer.post(f"{BASE}/orders/ord_1/snapshots", json=body)).status_code == 201
    job = await producer.post(
        f"{BASE}/events/bulk", content=b"{bad\n",
        headers={"Content-Type": "application/x-ndjson", "Prefer": "wait=20"},
    )  # fmt: skip
    search = {"name": "theirs", "search": {"query": {"text": "x"}}}
    saved = await shop.as_role("admin").post(f"{BASE}/searches", json=search)
    admin = shop.as_role("admin")
    hold = {"target": "order", "target_id": "ord_1", "case_id": "case_1"}
    held = await admin.post(f"{BASE}/legal-hold", json=hold)
    policy = await admin.post(f"{BASE}/retention/policies", json=POLICY)
    key = await admin.post(f"{BASE}/api-keys", json={"label": "theirs"})
    role = {"role": "desk", "permissions": ["events.read"]}
    assert (await admin.post(f"{BASE}/roles", json=role)).status_code == 201
    return shop, {
        "event_id": ["evt_theirs", stored["id"]],
        "order_id": ["ord_1"],
        "correction_id": ["evt_c_theirs", "oh_evt_000000000002"],
        "snapshot_id": ["snap_theirs"],
        "search_id": [saved.json()["search_id"]],
        "job_id": [job.json()["job_id"]],
        "type": ["order.*"],
        "hold_id": [held.json()["hold_id"]],
        "policy_id": [policy.json()["policy_id"]],
        "key_id": [key.json()["key_id"]],
        "role": ["desk"],
        "tile": ["0/000.p/1", "entries/000.p/1"],
    }


def plain(answer: httpx.Response) -> tuple[Any, ...]:
    """Everything of an answer but when and where it was asked."""
    body = re.sub(rb'"instance":"[^"]*"', b"", answer.content)
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status_code, headers, body


async def test_another_tenants_thing_is_nothing(theirs: tuple[Shop, Json]) -> None:
    shop, ids = theirs
    head = await shop.head()
    ours = shop.house.shop()
    # The admin of one tenant has the same subject as the other's.
    client = ours.as_role("admin")
    met = set()
    for item in operations(shop.house.app):
        names = re.findall(r"\{(\w+)\}", item.path)
        method = item.endpoint.method
        if not item.path.startswith(BASE) or not names or item.endpoint.content:
            continue
        if item.endpoint.operation_id in FOR_ALL:
            continue
        assert set(names) <= IDS
        for there in ids[names[0]]:
            rest = {name: ids[name][0] for name in names[1:]}
            existing = item.path.format(**{names[0]: there, **rest})
            none = item.path.format(**{names[0]: "x" * len(there), **rest})
            for headers in ({}, {"If-None-Match": "*"}, {"X-Min-Sequence": "0"}):
                answers = [
                    await client.request(method, path, headers=headers) for path in (existing, none)
                ]
                assert answers[0].status_code == 404, existing
                assert plain(answers[0]) == plain(answers[1]), existing
        met.add(item.endpoint.operation_id)
    assert {"get_event", "delete_snapshot", "get_timeline", "get_job", "cancel_job"} <= met
    assert await shop.head() == head
    assert (await shop.get("/snapshots/snap_theirs")).status_code == 200


async def test_writing_beside_another_tenants_ids(theirs: tuple[Shop, Json]) -> None:
    ours = theirs[0].house.shop()
    correction = {
        "event_id": "evt_c", "order_id": "ord_1", "occurred_at": "2025-01-01T00:00:00Z",
        "payload": {"correction": "x"},
    }  # fmt: skip
    producer = ours.as_role("producer")
    answers = [
        await producer.post(f"{BASE}/corrections", json={**correction, "correction_of": target})
        for target in ("evt_theirs", "evt_nobodys")
    ]
    assert answers[0].status_code == 422
    assert pointers(answers[0]) == ["/correction_of"]
    assert plain(answers[0]) == plain(answers[1])
    same = await ours.send(ours.event(event_id="evt_theirs", payload={"else": 1}))
    assert (same.status_code, same.json()["sequence"]) == (201, 1)
    assert "corrected_by" not in (await ours.read("/events/evt_theirs"))
    report = await producer.post(
        f"{BASE}/events/validate", json=ours.event(event_id="evt_c_theirs")
    )
    assert report.json()["results"][0]["duplicate"] is False


async def test_lists_do_not_cross(theirs: tuple[Shop, Json]) -> None:
    shop, _ = theirs
    ours = shop.house.shop()
    empty: Json = {"items": [], "next_cursor": None}
    for path in ("/events", "/orders"):
        assert await ours.read(path, "admin") == empty
    filters: list[Json] = [
        {"order_id": "ord_1"}, {"type": "order.*"}, {"type": "history.*"}, {"source": "shop"},
    ]  # fmt: skip
    for query in filters:
        assert await ours.read("/events", "admin", **query) == empty
    await ours.record("ord_1", event_id="evt_ours")
    (event,) = (await ours.read("/orders/ord_1/timeline"))["items"]
    assert event["event_id"] == "evt_ours"
    (order,) = (await ours.read("/orders"))["items"]
    assert order["event_count"] == 1
    assert (await ours.read("/orders/ord_1/snapshots"))["items"] == []
    aggregate = await ours.read("/orders/ord_1/timeline/aggregate")
    assert aggregate["event_count"] == 1
    assert (await ours.read("/orders/ord_1/snapshot"))["state"]["event_count"] == 1


async def test_cursors_belong_to_their_tenant_and_their_query(theirs: tuple[Shop, Json]) -> None:
    shop, _ = theirs
    ours = shop.house.shop()
    for tenant in (shop, ours):
        for number in range(3):
            await tenant.record(f"ord_{number}")
            await tenant.record("ord_1")
    walks: list[tuple[str, list[Json]]] = [
        ("/events", [{"source": "shop"}, {"from_": "2025-01-01T00:00:00Z"}]),
        ("/orders", [{"sort": "created_at"}, {"on_hold": "false"}]),
        ("/orders/ord_1/timeline", [{"order": "sequence"}, {"to": "2026-01-01T00:00:00Z"}]),
        ("/orders/ord_1/events/order.*", [{"from_": "2025-01-01T00:00:00Z"}]),
    ]
    for path, others in walks:
        cursor = (await shop.read(path, limit=1))["next_cursor"]
        assert (await shop.get(path, limit=2, cursor=cursor)).status_code == 200
        foreign = [await ours.get(path, limit=1, cursor=cursor)]
        foreign += [await shop.get(path, limit=1, cursor=cursor, **other) for other in others]
        for elsewhere in ("/events", "/orders", "/orders/ord_2/timeline", "/orders/ord_1/timeline"):
            if elsewhere != path:
                foreign.append(await shop.get(elsewhere, limit=1, cursor=cursor))
        for bad in (
            cursor[:-1],
            cursor + "A",
            cursor.swapcase(),
            "",
            "x",
            "é",
            "=" * 8,
            "A" * 4096,
        ):
            foreign.append(await shop.get(path, limit=1, cursor=bad))
        for answer in foreign:
            assert answer.status_code == 400, answer.url
            assert pointers(answer) == []


async def test_which_tenant_is_meant(house: House) -> None:
    one, two = house.shop(), house.shop()
    await one.record("ord_one")
    await two.record("ord_two")

    async def orders(client: httpx.AsyncClient, tenant: str | None) -> Any:
        headers = [] if tenant is None else [(b"X-Tenant-ID", tenant.encode())]
        answer = await client.get(f"{BASE}/orders", headers=headers)
        if answer.status_code != 200:
            return answer.status_code
        return [order["order_id"] for order in answer.json()["items"]]

    await one.read("/orders")
    await two.read("/orders")
    single, both = house.client("admin", one.tenant), house.client("admin", one.tenant, two.tenant)
    assert await orders(single, None) == await orders(single, one.tenant) == ["ord_one"]
    assert await orders(both, one.tenant) == ["ord_one"]
    assert await orders(both, two.tenant) == ["ord_two"]
    assert await orders(both, None) == 422
    for tenant in (two.tenant, "nobody", "", "*", "../x", one.tenant.upper(), "é", "x" * 5000):
        assert await orders(single, tenant) == 403, tenant
