"""Who records within a scope neither learns of what is beyond it, nor changes that."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, pointers
from tests.interfaces.http.journeys.scoping import NDJSON, READS, STORY

pytestmark = pytest.mark.anyio

WRITES = ["events.append", "events.correct", "events.validate", "jobs.own"]


@pytest.fixture
async def told(house: House) -> Shop:
    """A tenant with two orders, and roles that read and record parts of them."""
    shop = house.shop()
    for event in STORY:
        await shop.record(**event)
    for name, scope in {"till": {"sources": ["till"]}, "web": {"channels": ["web"]}}.items():
        body = {"role": name, "permissions": [*READS, *WRITES], "scope": scope}
        made = await shop.as_role("admin").post(f"{BASE}/roles", json=body)
        assert made.status_code == 201, made.text
    await shop.read("/orders/ord_store/timeline")  # its channel is known now
    return shop


def lines(*events: Json) -> str:
    return "\n".join(httpx.Request("POST", "http://x", json=one).content.decode() for one in events)


async def bulk(shop: Shop, role: str, *events: Json) -> Json:
    answer = await shop.as_role(role).post(
        f"{BASE}/events/bulk", content=lines(*events), headers=NDJSON
    )
    return dict(answer.json())


def correction(event_id: str, target: str, order: str, **changed: Any) -> Json:
    return {
        "event_id": event_id, "correction_of": target, "order_id": order,
        "occurred_at": "2025-01-02T00:00:00Z", "type": "order.correction", "source": "till",
        "schema_version": "v1", "payload": {"correction": "x", "void": True}, **changed,
    }  # fmt: skip


async def test_nobody_moves_an_order_into_its_own_channel(told: Shop) -> None:
    moving = told.event("ord_store", type="order.created", payload={"channel": "web"})
    silent = told.event("ord_store", type="order.cancelled")
    patch = {"correction": "x", "patch": {"channel": "web"}}
    patching = correction("c1", "s1", "ord_store", payload=patch)
    web = told.as_role("web")
    for event in (moving, silent):
        assert (await web.post(f"{BASE}/events", json=event)).status_code == 403
    assert (await web.post(f"{BASE}/corrections", json=patching)).status_code == 403
    result = (await bulk(told, "web", moving, silent, patching))["result"]
    assert (result["recorded"], result["rejected"]) == (0, 3)
    assert (await told.get("/orders/ord_store/timeline", "web")).status_code == 404
    own = told.event("ord_web", type="order.cancelled")
    assert (await web.post(f"{BASE}/events", json=own)).status_code == 201
    new = told.event("ord_new", payload={"channel": "web"})
    assert (await web.post(f"{BASE}/events", json=new)).status_code == 201


async def test_nobody_corrects_what_is_out_of_reach(told: Shop) -> None:
    till = told.as_role("till")
    hidden = await till.post(f"{BASE}/corrections", json=correction("c1", "w1", "ord_web"))
    nowhere = await till.post(f"{BASE}/corrections", json=correction("c2", "w9", "ord_web"))
    assert (hidden.status_code, nowhere.status_code) == (422, 422)
    assert hidden.json() == nowhere.json()
    event = correction("c3", "w1", "ord_web")
    assert (await till.post(f"{BASE}/events", json=event)).status_code == 422
    both = [event, correction("c4", "s1", "ord_store")]
    result = (await bulk(told, "till", *both))["result"]
    assert (result["recorded"], result["rejected"]) == (1, 1)


async def test_a_conflict_tells_nothing_of_what_is_out_of_reach(told: Shop) -> None:
    guess = told.event("ord_web", event_id="w1", source="till", payload={"total_minor": 100})
    answer = await told.as_role("till").post(f"{BASE}/events", json=guess)
    assert (answer.status_code, pointers(answer)) == (409, ["/event_id"])
    job = await bulk(told, "till", guess)
    assert job["result"]["conflicts"] == 1
    assert "/event_id" in str(job["errors"])
    assert "/payload" not in str(job["errors"])
    own = told.event("ord_store", event_id="s1", source="till", type="order.created")
    answer = await told.as_role("till").post(f"{BASE}/events", json=own)
    assert "/payload/total_minor" in pointers(answer)


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
    amending = {
        "event_id": "c1", "correction_of": "evt_1", "order_id": "ord_1",
        "occurred_at": "2025-01-02T00:00:00Z", "payload": {"correction": "x"},
    }  # fmt: skip
    refused = await feeder.post(f"{BASE}/corrections", json=amending)
    assert refused.status_code == 403
    taken = await feeder.post(f"{BASE}/corrections", json={**amending, "source": "stripe"})
    assert taken.status_code == 201
    assert await shop.head() == 4  # with the role's own event


async def test_lines_out_of_reach_are_rejected_and_stop_no_others(shop: Shop) -> None:
    role = {
        "role": "feeder", "permissions": ["events.append", "jobs.own"],
        "scope": {"sources": ["stripe"]},
    }  # fmt: skip
    await shop.as_role("admin").post(f"{BASE}/roles", json=role)
    events = [shop.event(source=source) for source in ("stripe", "adyen", "stripe")]
    job = await bulk(shop, "feeder", *events)
    result = job["result"]
    assert (result["recorded"], result["rejected"]) == (2, 1)
    (error,) = job["errors"]
    assert error["line"] == 2
    assert "roles" in str(error)
