"""What was done to the service is for who may read the audit log, wherever else it might be met."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.interfaces.http.journeys.house import BASE, House, Json, Shop

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def told(house: House) -> Shop:
    """A tenant with an order, a snapshot of it, an API key, a role, and another snapshot."""
    shop = house.shop()
    await shop.record()

    async def upload(name: str) -> None:
        snapshot = {
            "snapshot_id": name, "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
            "state": {},
        }  # fmt: skip
        path = f"{BASE}/orders/ord_1/snapshots"
        assert (await shop.as_role("producer").post(path, json=snapshot)).status_code == 201

    await upload("s1")
    admin = shop.as_role("admin")
    assert (await admin.post(f"{BASE}/api-keys", json={"label": "k"})).status_code == 201
    given = await admin.put(f"{BASE}/role-assignments/bob", json={"roles": ["support"]})
    assert given.status_code == 200
    await upload("s2")
    return shop


OF_ALL = ["history.snapshot.captured"]
ACTS = ["history.api_key.created", "history.role.assigned"]
EACH = pytest.mark.parametrize(
    ("role", "seen"), [("support", OF_ALL * 2), ("auditor", [*OF_ALL, *ACTS, *OF_ALL])]
)


async def ask(shop: Shop, role: str, path: str, body: Json) -> Any:
    head = {"X-Min-Sequence": str(await shop.head())}
    answer = await shop.as_role(role).post(BASE + path, json=body, headers=head)
    assert answer.status_code == 200, answer.text
    return answer.json()


@EACH
async def test_lists_and_searches(told: Shop, role: str, seen: list[str]) -> None:
    for window in ({}, {"from_": "2025-01-01T00:00:00Z"}):
        listed = await told.walk("/events", role, type="history.*", **window)
        assert [event["type"] for event in listed] == seen
    one = await told.walk("/events", role, type="history.role.assigned")
    assert [event["type"] for event in one] == [kind for kind in seen if kind in ACTS[1:]]
    history = {"field": "type", "prefix": "history."}
    asked: tuple[Json, ...] = (
        history,
        {"any": [history, {"not": history}]},
        {"all": [{"all": []}, history]},
    )
    for query in asked:
        found = await ask(told, role, "/search", {"query": query, "sort": ["sequence"]})
        kinds = {item["type"] for item in found["items"]} - {"order.note.added"}
        assert kinds == set(seen)
    top = await ask(told, role, "/topk", {"field": "type", "query": history})
    counts = {group["key"]["type"]: group["values"][0] for group in top["groups"]}
    assert counts == {kind: seen.count(kind) for kind in seen}
    counted = await ask(told, role, "/aggregations", {"query": history})
    assert counted["groups"][0]["values"] == [len(seen)]


@EACH
async def test_single_events(told: Shop, role: str, seen: list[str]) -> None:
    for event_id in ("oh_evt_000000000003", "oh_evt_api-keys/1".replace("/", "%2F")):
        for path in ("", "/bytes", "/verify", "/corrections"):
            answer = await told.get(f"/events/{event_id}{path}", role)
            assert answer.status_code == (200 if set(ACTS) <= set(seen) else 404), path
    assert (await told.get("/events/oh_evt_000000000002", role)).status_code == 200


@EACH
async def test_the_stream(told: Shop, role: str, seen: list[str]) -> None:
    headers = {"Authorization": f"Bearer {told.house.token(role, [told.tenant])}"}
    async with (
        told.house.served() as url,
        httpx.AsyncClient(headers=headers, timeout=20) as client,
        client.stream("GET", f"{url}{BASE}/events/stream?after=0&type=history.*") as stream,
    ):
        got: list[str] = []
        async for line in stream.aiter_lines():
            got += [line] * line.startswith("id: ")
            if len(got) == len(seen):
                break
        assert got == [f"id: {n}" for n in ((2, 3, 4, 5) if ACTS[0] in seen else (2, 5))]
