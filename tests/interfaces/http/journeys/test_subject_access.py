"""A person is given all that is held on them, of others nothing, and the audit trail says so."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.interfaces.http.journeys.erasing import ANN, OF_ANN, erase, told
from tests.interfaces.http.journeys.house import BASE, Json, Shop

pytestmark = pytest.mark.anyio

PATH = f"{BASE}/gdpr/access-request"
OF_OTHERS = ("ben@example.org", "Ben Oakes", "3 Elm Row", "203.0.113.5")


async def asked(client: httpx.AsyncClient, subject: str, **more: Any) -> httpx.Response:
    return await client.post(PATH, json={"subject_id": subject, **more})


def lines_of(answer: httpx.Response) -> list[Json]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"].startswith("attachment")
    found: list[Json] = [json.loads(line) for line in answer.text.splitlines()]
    assert found[0]["kind"] == "export"
    events = [one for one in found if "event_id" in one]
    assert found[-1] == {
        "kind": "end", "events": len(events), "lines": len(found),
        "values": found[-1]["values"],
    }  # fmt: skip
    return found


async def export(shop: Shop, subject: str, **more: Any) -> list[Json]:
    return lines_of(await asked(shop.as_role("admin"), subject, **more))


def of_kind(lines: list[Json], *kinds: str) -> list[Json]:
    return [one for one in lines if one["kind"] in kinds]


async def logged(shop: Shop) -> list[Json]:
    """The entries of exports, the oldest first."""
    query: dict[str, str | int] = {"operation": "request_access", "limit": 1000}
    answer = await shop.as_role("auditor").get(f"{BASE}/access-logs", params=query)
    return list(reversed(answer.json()["items"]))


async def test_a_customer_is_given_everything_of_their_orders(shop: Shop) -> None:
    await told(shop)
    correction = shop.event(
        "ann_1", type="order.correction", correction_of="evt_1",
        payload={"correction": "wrong phone", "patch": {"customer": {"phone": "+44 20 2"}}},
    )  # fmt: skip
    assert (await shop.send(correction)).status_code == 201
    head = await shop.head()
    found = await export(shop, "cust_ann")
    first = found[0]
    assert first | {"request_id": "", "made_at": ""} == {
        "kind": "export", "format": "order-history/subject-access/v1", "request_id": "",
        "tenant_id": shop.tenant, "made_at": "", "as_of_sequence": head + 1,
        "subject": {"customer_id": "cust_ann"},
    }  # fmt: skip
    events = of_kind(found, "event")
    assert [one["event_id"] for one in events] == ["evt_1", "evt_2", correction["event_id"],
                                                   "evt_3", "evt_4"]  # fmt: skip
    for one in events:
        view = await shop.read(f"/events/{one['event_id']}", "admin")
        if one["event_id"] in ("evt_2", "evt_4"):  # from where an agent wrote is the agent's
            assert one["metadata"] == {"actor_id": "agent_1", "ip": {"masked": True}}
            view["metadata"] = one["metadata"]
        assert one == {"kind": "event", **view}
    (snapshot,) = of_kind(found, "snapshot")
    assert (snapshot["snapshot_id"], snapshot["state"]) == ("snap", {"customer": ANN})
    text = json.dumps(found)
    assert not [value for value in OF_ANN if value not in text]
    assert not [value for value in OF_OTHERS if value in text]
    assert of_kind(found, "source") == [{"kind": "source", "source": "shop", "events": 5}]


async def test_who_is_named_in_an_order_is_given_their_part_of_it(shop: Shop) -> None:
    await told(shop)
    found = await export(shop, "Ann.Marlow@Example.org")
    assert found[0]["subject"] == {"email": "ann.marlow@example.org"}
    assert {one["order_id"] for one in of_kind(found, "event")} == {"ann_1", "ann_2"}
    named = of_kind(found, "named")
    assert [one["event_id"] for one in named] == ["evt_5", "evt_6"]
    assert set(named[0]) == {
        "kind", "event_id", "type", "occurred_at", "sequence", "source", "values",
    }  # fmt: skip
    values = {one["pointer"]: one["value"] for one in named[0]["values"]}
    assert values == {
        f"/payload/shipping_address/{name}": value
        for name, value in {**HOME_OF_ANN, "email": ANN["email"]}.items()
    }
    assert "14 Rowan Walk" in [one["value"] for one in named[1]["values"]]
    text = json.dumps(found)
    assert not [value for value in OF_OTHERS if value in text]


HOME_OF_ANN = {"name": "Ann Marlow", "line1": "12 Rowan Walk", "city": "Eastmere"}


async def test_a_snapshot_of_anothers_order_gives_the_values_that_are_theirs(shop: Shop) -> None:
    await told(shop)
    body = {
        "snapshot_id": "of_ben", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": {"customer": {"name": "Ben Oakes"},
                  "shipping_address": {"name": "Ann Marlow", "email": ANN["email"]}},
    }  # fmt: skip
    path = f"{BASE}/orders/ben_1/snapshots"
    assert (await shop.as_role("producer").post(path, json=body)).status_code == 201
    found = await export(shop, ANN["email"])
    (one,) = [line for line in of_kind(found, "named") if "snapshot_id" in line]
    assert [value["pointer"] for value in one["values"]] == [
        "/state/shipping_address/email", "/state/shipping_address/name",
    ]  # fmt: skip
    assert "Ben Oakes" not in json.dumps(found)


async def test_an_event_that_named_them_as_the_customer_is_theirs(shop: Shop) -> None:
    """By id, in an order that is somebody else's by now."""
    await shop.record("sold", type="order.created", payload={"customer": ANN})
    await shop.record(
        "sold", type="order.customer.changed", payload={"after": {"customer": {"id": "cust_ben"}}}
    )
    await shop.record("sold", payload={"customer": {"id": "cust_ben", "name": "Ben Oakes"}})
    correction = shop.event(
        "sold", type="order.correction", correction_of="evt_1",
        payload={"correction": "sold on", "patch": {"customer": {"id": "cust_ben"}}},
    )  # fmt: skip
    assert (await shop.send(correction)).status_code == 201
    found = await export(shop, "cust_ann")
    assert of_kind(found, "event") == []
    (one,) = of_kind(found, "named")
    assert [value["value"] for value in one["values"]] == [
        ANN["email"], ANN["name"], ANN["phone"],
    ]  # fmt: skip
    assert "Ben Oakes" not in json.dumps(found)


async def test_an_actor_is_given_what_they_did_and_from_where(shop: Shop) -> None:
    await told(shop)
    agent = shop.house.client("support", shop.tenant, subject="agent_1", address="203.0.113.9")
    await shop.get("/events", "history_reader")  # the read models have all of it
    why = {"X-Access-Reason": "a call of Ann's"}
    assert (await agent.get(f"{BASE}/orders/ann_1/timeline", headers=why)).status_code == 200
    found = await export(shop, "agent_1")
    acted = of_kind(found, "acted")
    assert [(one["event_id"], one["values"]) for one in acted] == [
        (event_id, [{"pointer": "/metadata/ip", "value": "203.0.113.5"}])
        for event_id in ("evt_2", "evt_4")
    ]
    (read,) = of_kind(found, "read")
    assert read | {"at": ""} == {
        "kind": "read", "at": "", "operation": "get_timeline",
        "endpoint": "GET /orders/{order_id}/timeline", "reason": "a call of Ann's",
        "address": "203.0.113.9",
    }  # fmt: skip
    assert not [value for value in (*OF_ANN, *OF_OTHERS[:3]) if value in json.dumps(found)]


async def test_an_administrator_is_given_their_own_acts(shop: Shop) -> None:
    admin = shop.house.client("admin", shop.tenant, subject="boss", address="198.51.100.99")
    hold = {"target": "order", "target_id": "o", "case_id": "c", "reason": "they are suing"}
    assert (await admin.post(f"{BASE}/legal-hold", json=hold)).status_code == 201
    acted = of_kind(await export(shop, "boss"), "acted")
    assert [one["type"] for one in acted] == ["history.hold.placed"]
    assert {one["pointer"]: one["value"] for one in acted[0]["values"]} == {
        "/payload/after/reason": "they are suing", "/metadata/ip": "198.51.100.99",
    }  # fmt: skip


async def test_what_a_snapshot_says_of_who_took_it_is_theirs(shop: Shop) -> None:
    await told(shop)
    body = {
        "snapshot_id": "taken", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": {"customer": ANN}, "metadata": {"actor_id": "agent_1", "ip": "203.0.113.6"},
    }  # fmt: skip
    path = f"{BASE}/orders/ann_1/snapshots"
    assert (await shop.as_role("producer").post(path, json=body)).status_code == 201
    (one,) = [
        one for one in of_kind(await export(shop, "agent_1"), "acted") if "snapshot_id" in one
    ]
    assert (one["snapshot_id"], one["values"]) == (
        "taken", [{"pointer": "/metadata/ip", "value": "203.0.113.6"}],
    )  # fmt: skip
    of_ann = of_kind(await export(shop, "cust_ann"), "snapshot")[1]
    assert of_ann["metadata"] == {"actor_id": "agent_1", "ip": {"masked": True}}


async def test_who_looked_at_their_orders_is_told(shop: Shop) -> None:
    await told(shop)
    why = {"X-Access-Reason": "ticket 4"}
    await shop.get("/orders/ann_1/timeline", "support", headers=why)
    await shop.get("/orders/ben_1/timeline", "investigator")
    (one,) = of_kind(await export(shop, "cust_ann"), "recipient")
    assert one | {"at": ""} == {
        "kind": "recipient", "order_id": "ann_1", "at": "", "subject": "a support",
        "operation": "get_timeline", "endpoint": "GET /orders/{order_id}/timeline",
        "fields": ["city", "email", "ip", "line1", "name", "note", "phone"],
    }  # fmt: skip
    # This export is no reader before it; the next one has it.
    again = of_kind(await export(shop, "cust_ann"), "recipient")
    assert {one["operation"] for one in again} == {"get_timeline", "request_access"}


async def test_on_which_ground_it_is_kept_is_told(shop: Shop) -> None:
    await told(shop)
    admin = shop.as_role("admin")
    holds = (
        {"target": "order", "target_id": "ann_1", "case_id": "case one", "reason": "secret",
         "expires_at": "2999-01-01T00:00:00Z"},
        {"target": "subject", "target_id": "cust_ann", "case_id": "case two"},
        {"target": "order", "target_id": "nobodys", "case_id": "case three"},
    )  # fmt: skip
    placed = [(await admin.post(f"{BASE}/legal-hold", json=hold)).json() for hold in holds]
    kept = of_kind(await export(shop, "cust_ann"), "kept")
    of_order = {"kind": "kept", "ground": "legal hold"}
    assert {
        "until": None,
        "hold_id": placed[1]["hold_id"],
        "case_id": "case two",
        **of_order,
    } in kept
    assert {
        "order_id": "ann_1", "until": "2999-01-01T00:00:00Z", "case_id": "case one",
        "hold_id": placed[0]["hold_id"], **of_order,
    } in kept  # fmt: skip
    assert "case three" not in str(kept)
    assert "secret" not in str(kept)


async def test_rejected_lines_that_mention_them_are_told(shop: Shop) -> None:
    lines = {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}
    bad = b'{"a": 1}\n{"event_id": "x", "customer": "ann.marlow@example.org", "name": "Ben Oakes"}'
    made = await shop.as_role("producer").post(f"{BASE}/events/bulk", content=bad, headers=lines)
    found = await export(shop, ANN["email"])
    assert of_kind(found, "rejected_line") == [
        {"kind": "rejected_line", "job_id": made.json()["job_id"], "line": 2}
    ]
    assert "Ben Oakes" not in str(found)


async def test_after_an_erasure_it_is_told_as_erased(shop: Shop) -> None:
    await told(shop)
    for subject in ("cust_ann", ANN["email"]):
        assert (await erase(shop, subject))["status"] == "succeeded"
    found = await export(shop, "cust_ann")
    assert not [value for value in OF_ANN if value in json.dumps(found)]
    events = of_kind(found, "event")
    assert events[0]["payload"]["customer"] == {
        "id": "cust_ann", **{name: {"erased": True} for name in ("email", "name", "phone")},
    }  # fmt: skip
    assert events[0]["metadata"]["ip"] == {"erased": True}
    assert of_kind(found, "snapshot")[0]["state"]["customer"]["email"] == {"erased": True}
    assert found[-1]["values"] == 0
    assert [one["kind"] for one in await export(shop, ANN["email"])] == ["export", "end"]


@pytest.mark.parametrize("subject", ["cust_nobody", "nobody@example.org"])
async def test_nobody_known_is_a_first_and_a_last_line(shop: Shop, subject: str) -> None:
    await told(shop)
    assert [one["kind"] for one in await export(shop, subject)] == ["export", "end"]
    assert await logged(shop) == []


async def test_another_tenants_person_of_the_same_name_is_nobody(shop: Shop) -> None:
    await told(shop)
    other = shop.house.shop()
    for subject in ("cust_ann", ANN["email"], "agent_1"):
        assert [one["kind"] for one in await export(other, subject)] == ["export", "end"]
