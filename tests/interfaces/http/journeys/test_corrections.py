"""Corrections: appended, linked, and counted in the fold."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interfaces.http.journeys.house import BASE, Json, Shop, pointers

pytestmark = pytest.mark.anyio


@pytest.fixture
async def original(shop: Shop) -> Json:
    """An order's creation, with a total of 100."""
    return await shop.record(
        event_id="evt_0", type="order.created", payload={"total_minor": 100, "channel": "web"}
    )


def correction(event_id: str = "evt_c", **changed: Any) -> Json:
    body = {
        "event_id": event_id,
        "correction_of": "evt_0",
        "order_id": "ord_1",
        "payload": {"correction": "typed wrong"},
        "occurred_at": "2025-01-02T00:00:00Z",
        **changed,
    }
    return {name: value for name, value in body.items() if value is not None}


async def correct(shop: Shop, body: Json, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    producer = shop.as_role("producer")
    return await producer.post(f"{BASE}/corrections", json=body, headers=named)


async def total(shop: Shop, **query: Any) -> Any:
    return (await shop.read("/orders/ord_1/snapshot", **query))["state"].get("total_minor")


async def test_a_correction_is_an_event_of_its_own(shop: Shop, original: Json) -> None:
    answer = await correct(shop, correction(payload={"correction": "x", "patch": {}}))
    assert answer.status_code == 201
    stored = answer.json()
    assert answer.headers["location"] == f"{BASE}/corrections/{stored['id']}"
    assert stored["type"] == "order.correction"
    assert stored["schema_version"] == "v1"
    assert stored["source"] == "a producer"
    assert stored["correction_of"] == "evt_0"
    assert (stored["sequence"], stored["order_version"]) == (2, 2)
    for correction_id in ("evt_c", stored["id"]):
        assert await shop.read(f"/corrections/{correction_id}") == stored
        assert await shop.read(f"/events/{correction_id}") == stored
    for event_id in ("evt_0", original["id"]):
        listed = await shop.read(f"/events/{event_id}/corrections")
        assert listed == {"items": [stored], "next_cursor": None}
        assert (await shop.read(f"/events/{event_id}"))["corrected_by"] == ["evt_c"]
    unchanged = {**await shop.read("/events/evt_0"), "corrected_by": None}
    assert unchanged == {**original, "corrected_by": None}


async def test_what_corrects_nothing_is_no_correction(shop: Shop, original: Json) -> None:
    assert (await shop.get("/corrections/evt_0")).status_code == 404
    assert (await shop.get("/corrections/none")).status_code == 404
    assert (await shop.get("/events/none/corrections")).status_code == 404
    assert (await shop.read("/events/evt_0/corrections"))["items"] == []


async def test_patch_void_restore_and_remark(shop: Shop, original: Json) -> None:
    steps: list[tuple[Json, int | None]] = [
        ({"patch": {"total_minor": 90}}, 90),
        ({"patch": {"channel": "app"}}, 100),  # patches do not add up
        ({}, 100),  # a remark changes nothing
        ({"patch": {"total_minor": None}}, None),
        ({"void": True}, None),
        ({"patch": {}}, 100),
    ]
    told: list[tuple[int, str, int | None]] = [(original["sequence"], original["received_at"], 100)]
    await shop.record(occurred_at="2025-01-01T11:00:00Z")
    for number, (payload, expected) in enumerate(steps):
        body = correction(f"evt_c{number}", payload={"correction": "x", **payload})
        answer = await correct(shop, body)
        assert answer.status_code == 201
        assert await total(shop) == expected, payload
        told.append((answer.json()["sequence"], answer.json()["received_at"], expected))
    for sequence, received_at, expected in told:
        assert await total(shop, known_at=received_at) == expected
        assert await total(shop, known_sequence=sequence) == expected
        assert await total(shop, known_at=received_at, at="2025-01-01T10:00:00Z") == expected


async def test_the_list_of_orders_follows_a_correction(shop: Shop, original: Json) -> None:
    await correct(shop, correction(payload={"correction": "x", "patch": {"total_minor": 7}}))
    (order,) = (await shop.read("/orders"))["items"]
    assert order["total_minor"] == 7
    assert (await shop.read("/orders", min_total_minor=8))["items"] == []


async def test_the_same_correction_again(shop: Shop, original: Json) -> None:
    first = await correct(shop, correction(), Idempotency_Key="k")
    again = await correct(shop, correction(), Idempotency_Key="k")
    full = await correct(shop, correction(type="order.correction", schema_version="v1"))
    assert [answer.status_code for answer in (first, again, full)] == [201, 200, 200]
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert again.content == first.content == full.content
    other = await correct(shop, correction(payload={"correction": "else"}))
    assert other.status_code == 409
    assert pointers(other) == ["/payload/correction"]
    taken = await correct(shop, correction("evt_other"), Idempotency_Key="k")
    assert taken.status_code == 422
    assert pointers(taken) == ["/Idempotency-Key"]
    assert await shop.head() == 2


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"correction_of": "none"}, "/correction_of"),
        ({"correction_of": None}, "/correction_of"),
        ({"order_id": "ord_2"}, "/correction_of"),
        ({"correction_of": "evt_remark"}, "/correction_of"),
        ({"event_id": "evt_0"}, "/correction_of"),
        ({"type": "order.note.added"}, "/type"),
        ({"payload": {}}, "/payload/correction"),
        ({"payload": {"correction": 1}}, "/payload/correction"),
        ({"payload": {"correction": "x", "patch": []}}, "/payload/patch"),
        ({"payload": {"correction": "x", "void": "yes"}}, "/payload/void"),
        ({"payload": None}, "/payload"),
        ({"event_id": None}, "/event_id"),
        ({"order_id": None}, "/order_id"),
        ({"occurred_at": None}, "/occurred_at"),
        ({"schema_version": "v2"}, "/schema_version"),
        ({"orderid": "ord_1"}, "/orderid"),
    ],
)
async def test_a_correction_that_is_not_valid(
    shop: Shop, original: Json, changed: Json, pointer: str
) -> None:
    await correct(shop, correction("evt_remark"))
    answer = await correct(shop, correction(**{"event_id": "evt_new", **changed}))
    assert answer.status_code == 422, answer.text
    assert pointer in pointers(answer)
    assert await shop.head() == 2


async def test_a_correction_may_come_before_its_original(shop: Shop) -> None:
    early = await shop.record(
        type="order.correction",
        correction_of="evt_0",
        payload={"correction": "x", "patch": {"total_minor": 90}},
    )
    assert (await shop.get("/events/evt_0/corrections")).status_code == 404
    assert await total(shop) is None
    await shop.record(event_id="evt_0", type="order.created", payload={"total_minor": 100})
    assert await total(shop) == 90
    assert (await shop.read("/events/evt_0"))["corrected_by"] == [early["event_id"]]
    assert [e["event_id"] for e in (await shop.read("/events/evt_0/corrections"))["items"]] == [
        early["event_id"]
    ]
    (order,) = (await shop.read("/orders"))["items"]
    assert order["total_minor"] == 90


async def test_an_early_correction_in_the_wrong_order_corrects_nothing(shop: Shop) -> None:
    early = shop.event(
        "ord_2",
        type="order.correction",
        correction_of="evt_0",
        payload={"correction": "x", "patch": {"total_minor": 90}},
    )
    assert (await shop.send(early)).status_code == 201
    await shop.record(event_id="evt_0", type="order.created", payload={"total_minor": 100})
    assert await total(shop) == 100
    assert "corrected_by" not in await shop.read("/events/evt_0")
    assert (await shop.read("/events/evt_0/corrections"))["items"] == []


async def test_a_correction_sent_as_an_event(shop: Shop, original: Json) -> None:
    await shop.record(
        type="order.correction",
        correction_of="evt_0",
        payload={"correction": "x", "void": True},
    )
    assert await total(shop) is None
    for order_id, target in (("ord_1", None), ("ord_2", "evt_0")):
        payload = {"correction": "x"}
        event = shop.event(order_id, type="order.correction", correction_of=target, payload=payload)
        answer = await shop.send(event)
        assert answer.status_code == 422
        assert pointers(answer) == ["/correction_of"]
