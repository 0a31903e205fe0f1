"""What a role does not reach is not there: in no list, stream, page or error."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from domain.access.permissions import LIMITABLE
from tests.interfaces.http.journeys.house import BASE, Shop
from tests.interfaces.http.journeys.scoping import (
    ANN,
    EACH,
    NDJSON,
    READS,
    SEEN,
    STORY,
    scoped_shop,
)

pytestmark = pytest.mark.anyio
told = scoped_shop


async def ids(shop: Shop, path: str, role: str, **query: Any) -> list[str]:
    return [event["event_id"] for event in await shop.walk(path, role, **query)]


@EACH
async def test_lists(told: Shop, role: str) -> None:
    assert await ids(told, "/events", role) == SEEN[role]
    assert await ids(told, "/events", role, limit=1) == SEEN[role]
    of_payments = [one for one in SEEN[role] if one in ("w2", "s2")]
    assert await ids(told, "/events", role, type="order.payment.*") == of_payments
    window = {"from_": "2025-01-01T00:00:00Z", "to": "2025-01-02T00:00:00Z"}
    assert await ids(told, "/events", role, **window) == SEEN[role]
    of_web = [one for one in SEEN[role] if one.startswith("w")]
    assert await ids(told, "/events", role, order_id="ord_web") == of_web
    assert await ids(told, "/orders/ord_web/timeline", role) == of_web
    assert await ids(told, "/orders/ord_web/timeline", role, order="sequence") == of_web
    path = "/orders/ord_web/events/order.fulfillment.*"
    assert await ids(told, path, role) == [one for one in of_web if one == "w3"]


@EACH
async def test_single_events(told: Shop, role: str) -> None:
    for number, event in enumerate(STORY, 1):
        for event_id in (event["event_id"], f"oh_evt_{number:012}"):
            for path in ("", "/bytes", "/verify", "/receipt", "/corrections"):
                answer = await told.get(f"/events/{event_id}{path}", role)
                seen = event["event_id"] in SEEN[role]
                assert answer.status_code == (200 if seen else 404), (event_id, path)


async def test_what_is_out_of_reach_is_as_what_never_was(told: Shop) -> None:
    hidden = await told.get("/events/w1", "payments")
    nowhere = await told.get("/events/w9", "payments")
    assert hidden.json()["detail"] == nowhere.json()["detail"]
    hidden = await told.get("/orders/ord_store/timeline", "web")
    nowhere = await told.get("/orders/ord_nowhere/timeline", "web")
    assert (hidden.status_code, nowhere.status_code) == (404, 404)
    assert hidden.json()["detail"] == nowhere.json()["detail"]


async def test_a_snapshot_out_of_reach_is_as_one_that_never_was(told: Shop) -> None:
    for role, status in (("web", 404), ("payments", 403)):
        hidden = await told.get("/snapshots/snap_ord_store", role)
        nowhere = await told.get("/snapshots/snap_nowhere", role)
        assert (hidden.status_code, nowhere.status_code) == (status, status)
        assert hidden.json()["detail"] == nowhere.json()["detail"]


async def test_corrections_out_of_reach_are_not_named(shop: Shop) -> None:
    for name, source in (("a", "stripe"), ("b", "desk"), ("c", "stripe")):
        target = {} if name == "a" else {"type": "order.correction", "correction_of": "a"}
        await shop.record(
            event_id=name, source=source, payload=target and {"correction": "x"}, **target
        )
    role = {"role": "payments", "permissions": READS, "scope": {"sources": ["stripe"]}}
    assert (await shop.as_role("admin").post(f"{BASE}/roles", json=role)).status_code == 201
    assert (await shop.read("/events/a"))["corrected_by"] == ["b", "c"]
    for path in ("/events", "/orders/ord_1/timeline"):
        first = (await shop.read(path, "payments"))["items"][0]
        assert (first["event_id"], first["corrected_by"]) == ("a", ["c"])
    assert (await shop.read("/events/a", "payments"))["corrected_by"] == ["c"]


async def test_rejected_lines_of_others_are_for_who_may_read_all(shop: Shop) -> None:
    body = "{bad"
    made = await shop.as_role("producer").post(f"{BASE}/events/bulk", content=body, headers=NDJSON)
    path = f"/jobs/{made.json()['job_id']}/rejected"
    for name, permissions, scope in (
        ("payments", ["events.read", "jobs.own"], {"sources": ["stripe"]}),
        ("persons", ["personal.read"], None),
    ):
        role = {"role": name, "permissions": permissions, "scope": scope}
        assert (await shop.as_role("admin").post(f"{BASE}/roles", json=role)).status_code == 201
    token = shop.house._issuer.mint("both", [shop.tenant], ["payments", "persons"], 60)
    client = shop.house.client(None)
    client.headers["Authorization"] = f"Bearer {token}"
    assert (await client.get(BASE + path)).status_code == 404
    assert (await shop.get(path, "investigator")).status_code == 200


async def test_classes_of_personal_data(told: Shop) -> None:
    text = (await told.get("/orders/ord_web/timeline", "contacts")).text
    assert ANN in text
    assert "no money" not in text
    assert '"reason":{"masked":true}' in text
    state = (await told.get("/orders/ord_web/snapshot", "contacts")).text
    assert ANN in state
    snapshot = (await told.get("/snapshots/snap_ord_web", "contacts")).json()
    assert snapshot["state"] == {"note": {"masked": True}}
    assert (await told.get("/snapshots/snap_ord_web", "web")).json()["state"]["note"]


async def test_two_roles_do_not_lend_each_other_their_scopes(told: Shop) -> None:
    """One sees persons of payments, the other reads everything: it sees persons of payments."""
    token = told.house._issuer.mint("both", [told.tenant], ["payments", "history_reader"], 60)
    client = told.house.client(None)
    client.headers["Authorization"] = f"Bearer {token}"
    text = (await client.get(f"{BASE}/orders/ord_web/timeline")).text
    assert "no money" in text
    assert ANN not in text
    state = (await client.get(f"{BASE}/orders/ord_web/snapshot")).text
    assert ANN not in state
    by_mail = {"query": {"ident": ANN, "exact": True}}
    assert not (await client.post(f"{BASE}/search", json=by_mail)).json()["items"]


async def test_the_stream(told: Shop) -> None:
    async with told.house.served() as url:
        for role in ("payments", "web"):
            token = told.house.token(role, [told.tenant])
            headers = {"Authorization": f"Bearer {token}"}
            seen: list[str] = []
            async with (
                httpx.AsyncClient(headers=headers, timeout=20) as client,
                client.stream("GET", f"{url}{BASE}/events/stream?after=0") as stream,
            ):
                async for line in stream.aiter_lines():
                    if line.startswith("id: "):
                        seen.append(line[4:])
                    if len(seen) == len(SEEN[role]):
                        break
            numbers = {event["event_id"]: str(n) for n, event in enumerate(STORY, 1)}
            assert seen == [numbers[one] for one in SEEN[role]]


async def test_a_stream_ends_with_the_right_to_it(shop: Shop) -> None:
    role = {"role": "follower", "permissions": ["events.read"]}
    admin, path = shop.as_role("admin"), f"{BASE}/roles/follower"
    assert (await admin.post(f"{BASE}/roles", json=role)).status_code == 201
    headers = {"Authorization": f"Bearer {shop.house.token('follower', [shop.tenant])}"}
    async with (
        shop.house.served() as url,
        httpx.AsyncClient(headers=headers, timeout=20) as client,
        client.stream("GET", f"{url}{BASE}/events/stream?after=0") as stream,
    ):
        lines = stream.aiter_lines()
        assert await anext(lines) == ": connected"
        limited = {"permissions": ["events.read"], "scope": {"sources": ["stripe"]}}
        assert (await admin.put(path, json=limited)).status_code == 200
        await shop.record(source="shop", payload={"sku": "secret"})
        async with asyncio.timeout(15):
            rest = [line async for line in lines]
        assert not any("secret" in line for line in rest)


def test_each_permission_that_a_scope_limits_is_tried_here() -> None:
    tried = {*READS, "events.append", "events.correct", "jobs.own"}
    untried = {"events.validate", "searches.save"}  # tell of no event that is not one's own
    assert {permission.value for permission in LIMITABLE} == tried | untried
