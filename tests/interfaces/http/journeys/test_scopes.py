"""What a role does not reach is not there: in no list, count, stream, page or error."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from domain.access.permissions import LIMITABLE
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop

pytestmark = pytest.mark.anyio

READS = ["events.read", "orders.read", "personal.read", "snapshots.read", "receipts.read"]
ANN, BOB = "ann@example.org", "bob@example.org"
NDJSON = {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}


def of(event_id: str, order: str, source: str, kind: str, payload: Json | None = None) -> Json:
    return {
        "event_id": event_id, "order_id": order, "source": source, "type": kind,
        "payload": payload or {},
    }  # fmt: skip


STORY = [
    of("w1", "ord_web", "shop", "order.created",
       {"channel": "web", "total_minor": 100, "customer": {"id": "c1", "email": ANN}}),
    of("w2", "ord_web", "stripe", "order.payment.failed",
       {"amount_minor": 100, "failure_code": "declined", "reason": "Ann has no money"}),
    of("w3", "ord_web", "wms", "order.fulfillment.created", {"warehouse": "north"}),
    of("s1", "ord_store", "till", "order.created",
       {"channel": "store", "total_minor": 200, "customer": {"id": "c2", "email": BOB}}),
    of("s2", "ord_store", "stripe", "order.payment.succeeded",
       {"amount_minor": 200, "reason": "Bob paid"}),
]  # fmt: skip


@pytest.fixture(scope="module")
async def told(house: House) -> Shop:
    """A tenant with two orders and roles that see parts of them."""
    shop = house.shop()
    for event in STORY:
        await shop.record(**event)
    for order in ("ord_web", "ord_store"):
        body = {
            "snapshot_id": f"snap_{order}", "captured_at": "2025-01-01T00:00:00Z",
            "source": "shop", "state": {"note": f"of {order}"},
        }  # fmt: skip
        path = f"{BASE}/orders/{order}/snapshots"
        assert (await shop.as_role("producer").post(path, json=body)).status_code == 201
    scopes: dict[str, Json] = {
        "payments": {"sources": ["stripe"]},
        "failures": {"types": ["order.payment.failed", "order.created"]},
        "web": {"channels": ["web"]},
        "contacts": {"personal": ["contact"]},
    }
    for name, scope in scopes.items():
        body = {"role": name, "permissions": READS, "scope": scope}
        made = await shop.as_role("admin").post(f"{BASE}/roles", json=body)
        assert made.status_code == 201, made.text
    return shop


SEEN = {
    "payments": ["w2", "s2"],
    "failures": ["w1", "w2", "s1"],
    "web": ["w1", "w2", "w3"],
    "contacts": ["w1", "w2", "w3", "s1", "s2"],
}
EACH = pytest.mark.parametrize("role", sorted(SEEN))


async def ids(shop: Shop, path: str, role: str, **query: Any) -> list[str]:
    return [event["event_id"] for event in await shop.walk(path, role, **query)]


async def ask(shop: Shop, role: str, path: str, body: Json) -> httpx.Response:
    head = {"X-Min-Sequence": str(await shop.head())}
    return await shop.as_role(role).post(BASE + path, json=body, headers=head)


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


@EACH
async def test_search(told: Shop, role: str) -> None:
    everything = await ask(told, role, "/search", {"query": {"all": []}, "sort": ["sequence"]})
    found = [item["event_id"] for item in everything.json()["items"]]
    assert sorted(found) == sorted(SEEN[role])
    words = await ask(told, role, "/search", {"query": {"text": "declined"}})
    expected = [one for one in SEEN[role] if one == "w2"]
    assert [item["event_id"] for item in words.json()["items"]] == expected
    excluded = {"query": {"not": {"field": "type", "eq": "order.created"}}}
    answer = await ask(told, role, "/search", excluded)
    assert {item["event_id"] for item in answer.json()["items"]} == (set(SEEN[role]) - {"w1", "s1"})


@EACH
async def test_counts(told: Shop, role: str) -> None:
    for body in (
        {"measures": [{"op": "count"}]},
        {"measures": [{"op": "count"}], "query": {"all": []}},
    ):
        answer = await ask(told, role, "/aggregations", body)
        assert answer.json()["groups"][0]["values"] == [len(SEEN[role])]
    top = await ask(told, role, "/topk", {"field": "source"})
    groups = {group["key"]["source"]: group["values"][0] for group in top.json()["groups"]}
    sources = [event["source"] for event in STORY if event["event_id"] in SEEN[role]]
    assert groups == {source: sources.count(source) for source in sources}


async def test_intervals_do_not_tell_when_events_out_of_reach_were(shop: Shop) -> None:
    role = {"role": "payments", "permissions": READS, "scope": {"sources": ["stripe"]}}
    assert (await shop.as_role("admin").post(f"{BASE}/roles", json=role)).status_code == 201
    by_hour = {"group_by": [{"field": "occurred_at", "interval": "hour"}]}
    assert (await ask(shop, "payments", "/aggregations", by_hour)).json()["groups"] == []
    await shop.record(source="shop", occurred_at="2001-01-01T00:00:00Z")
    await shop.record(source="stripe", occurred_at="2025-01-01T00:00:00Z")
    await shop.record(source="stripe", occurred_at="2025-01-01T02:00:00.5Z")
    answer = await ask(shop, "payments", "/aggregations", by_hour)
    assert [one["values"] for one in answer.json().get("groups", [])] == [[1], [0], [1]]
    open_end = {**by_hour, "query": {"field": "occurred_at", "gte": "2025-01-01T01:00:00Z"}}
    answer = await ask(shop, "payments", "/aggregations", open_end)
    assert [one["values"] for one in answer.json().get("groups", [])] == [[0], [1]]


@pytest.mark.parametrize("role", ["payments", "failures"])
async def test_who_sees_parts_of_orders_has_no_right_to_whole_ones(told: Shop, role: str) -> None:
    for path in (
        "/orders",
        "/orders/ord_web/snapshot",
        "/orders/ord_web/timeline/aggregate",
        "/orders/ord_web/snapshots",
        "/snapshots/snap_ord_web",
    ):
        answer = await told.get(path, role)
        assert answer.status_code == 403, path
        assert "not limited" in answer.json()["detail"]
    for body in (
        {"query": {"text": "declined"}, "return": "orders"},
        {"query": {"field": "order.status", "eq": "pending"}},
    ):
        assert (await ask(told, role, "/search", body)).status_code == 403
    by_status = {"group_by": ["order.status"]}
    assert (await ask(told, role, "/aggregations", by_status)).status_code == 403


async def test_whole_orders_of_a_channel(told: Shop) -> None:
    assert [one["order_id"] for one in await told.walk("/orders", "web")] == ["ord_web"]
    assert await told.walk("/orders", "web", sort="total_minor", status="pending")
    for path in ("/snapshot", "/timeline/aggregate", "/snapshots"):
        assert (await told.get(f"/orders/ord_web{path}", "web")).status_code == 200
        assert (await told.get(f"/orders/ord_store{path}", "web")).status_code == 404
    assert (await told.get("/snapshots/snap_ord_web", "web")).status_code == 200
    assert (await told.get("/snapshots/snap_ord_store", "web")).status_code == 404
    found = await ask(told, "web", "/search", {"query": {"all": []}, "return": "orders"})
    assert [one["order_id"] for one in found.json()["items"]] == ["ord_web"]


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


async def test_who_does_not_see_all_persons_does_not_find_by_them(told: Shop) -> None:
    by_mail = {"query": {"ident": ANN, "exact": True}}

    async def found(role: str) -> list[str]:
        answer = await ask(told, role, "/search", by_mail)
        return [item["event_id"] for item in answer.json()["items"]]

    assert await found("support") == ["w1"]
    assert await found("contacts") == ["w1"]
    assert await found("web") == ["w1"]
    assert await found("auditor") == []
    body = {"role": "names", "permissions": READS, "scope": {"personal": ["name"]}}
    await told.as_role("admin").post(f"{BASE}/roles", json=body)
    assert await found("names") == []


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


async def test_who_may_record_some_sources_records_no_others(shop: Shop) -> None:
    role = {
        "role": "feeder", "permissions": ["events.append", "events.correct", "jobs.own"],
        "scope": {"sources": ["stripe"], "types": ["order.payment.*", "order.correction"],
                  "channels": ["web"]},
    }  # fmt: skip
    assert (await shop.as_role("admin").post(f"{BASE}/roles", json=role)).status_code == 201
    feeder = shop.as_role("feeder")

    async def sent(**changed: Any) -> int:
        event = shop.event(**{"source": "stripe", "type": "order.payment.failed", **changed})
        return (await feeder.post(f"{BASE}/events", json=event)).status_code

    assert await sent() == 201
    assert await sent(payload={"channel": "web"}) == 201
    assert await sent(source="adyen") == 403
    assert await sent(type="order.created") == 403
    assert await sent(payload={"channel": "store"}) == 403
    correction = {
        "event_id": "c1", "correction_of": "evt_1", "order_id": "ord_1",
        "occurred_at": "2025-01-02T00:00:00Z", "payload": {"correction": "x"},
    }  # fmt: skip
    refused = await feeder.post(f"{BASE}/corrections", json=correction)
    assert refused.status_code == 403
    taken = await feeder.post(f"{BASE}/corrections", json={**correction, "source": "stripe"})
    assert taken.status_code == 201
    assert await shop.head() == 4  # with the role's own event


async def test_lines_out_of_reach_are_rejected_and_stop_no_others(shop: Shop) -> None:
    role = {
        "role": "feeder", "permissions": ["events.append", "jobs.own"],
        "scope": {"sources": ["stripe"]},
    }  # fmt: skip
    await shop.as_role("admin").post(f"{BASE}/roles", json=role)
    lines = [shop.event(source=source) for source in ("stripe", "adyen", "stripe")]
    body = "\n".join(
        httpx.Request("POST", "http://x", json=line).content.decode() for line in lines
    )
    made = await shop.as_role("feeder").post(f"{BASE}/events/bulk", content=body, headers=NDJSON)
    result = made.json()["result"]
    assert (result["recorded"], result["rejected"]) == (2, 1)
    (error,) = made.json()["errors"]
    assert error["line"] == 2
    assert "roles" in str(error)


def test_each_permission_that_a_scope_limits_is_tried_here() -> None:
    tried = {*READS, "events.append", "events.correct", "jobs.own"}
    untried = {"events.validate", "searches.save"}  # tell of no event that is not one's own
    assert {permission.value for permission in LIMITABLE} == tried | untried
