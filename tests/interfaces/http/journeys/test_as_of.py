"""The state of an order as of a moment, on both clocks."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from tests.interfaces.http.journeys.house import BASE, Json, Shop

pytestmark = pytest.mark.anyio

AT = "2025-01-01T{:02}:00:00Z"


async def state_of(shop: Shop, role: str = "history_reader", **query: Any) -> Json:
    return dict(await shop.read("/orders/ord_1/snapshot", role, **query))


def raw_state(body: bytes) -> bytes:
    """The bytes of `state` in an answer."""
    start, end = body.index(b'"state":'), body.rindex(b',"metadata":')
    return body[start:end]


async def life(shop: Shop) -> list[Json]:
    """Created at 1, paid at 3, delivered at 5; late: a "shipped" of 4, and another total of 2."""
    return [
        await shop.record(
            type="order.created",
            occurred_at=AT.format(1),
            payload={"total_minor": 100, "currency": "EUR", "customer": {"id": "c", "name": "Jo"}},
        ),
        await shop.record(
            type="order.payment.succeeded",
            occurred_at=AT.format(3),
            payload={"payment_id": "p", "amount_minor": 100},
        ),
        await shop.record(type="order.delivered", occurred_at=AT.format(5)),
        await shop.record(type="order.shipped", occurred_at=AT.format(4)),
        await shop.record(
            type="order.updated", occurred_at=AT.format(2), payload={"total_minor": 90}
        ),
    ]


async def test_the_clock_of_the_events(shop: Shop) -> None:
    await life(shop)
    told = {}
    for hour in (1, 2, 3, 4, 5, 9):
        state = (await state_of(shop, at=AT.format(hour)))["state"]
        told[hour] = (state["status"], state["total_minor"], state["event_count"])
    assert told == {
        1: ("pending", 100, 1),
        2: ("pending", 90, 2),
        3: ("pending", 90, 3),
        4: ("shipped", 90, 4),
        5: ("delivered", 90, 5),
        9: ("delivered", 90, 5),
    }
    before = await shop.get("/orders/ord_1/snapshot", at="2025-01-01T00:59:59.999999Z")
    assert before.status_code == 404


async def test_the_clock_of_this_service(shop: Shop) -> None:
    events = await life(shop)
    told = []
    for event in events:
        state = (await state_of(shop, known_at=event["received_at"]))["state"]
        told.append((state["status"], state["total_minor"], state["event_count"]))
    assert told == [
        ("pending", 100, 1),
        ("pending", 100, 2),
        ("delivered", 100, 3),
        ("delivered", 100, 4),
        ("delivered", 90, 5),
    ]
    before = await shop.get("/orders/ord_1/snapshot", known_at="2025-06-01T00:00:00Z")
    assert before.status_code == 404


async def test_both_clocks_together(shop: Shop) -> None:
    events = await life(shop)
    asked = {"at": AT.format(4), "known_at": events[2]["received_at"]}
    answer = await state_of(shop, **asked)
    assert answer["at"] == asked["at"]
    assert answer["known_at"].rstrip("0Z") == asked["known_at"].rstrip("0Z")
    assert answer["state"]["status"] == "pending"
    assert answer["metadata"]["event_sequence"] == 3
    assert answer["metadata"]["events_applied"] == 2
    later = await state_of(shop)
    assert later["metadata"]["late"] == [events[3]["event_id"], events[4]["event_id"]]


async def test_an_answer_repeats_byte_for_byte_whatever_comes_later(shop: Shop) -> None:
    reader = shop.as_role("history_reader")
    path = f"{BASE}/orders/ord_1/snapshot"
    answers: list[tuple[dict[str, str], int, bytes]] = []
    changes: list[Json] = [
        {"type": "order.created", "occurred_at": AT.format(3), "payload": {"total_minor": 5}},
        {"type": "order.shipped", "occurred_at": AT.format(5)},
        {"type": "order.updated", "occurred_at": AT.format(2), "payload": {"channel": "web"}},
        {"type": "order.correction", "correction_of": "evt_1", "payload": {"correction": "x",
         "patch": {"total_minor": 7}}},
        {"type": "order.correction", "correction_of": "evt_2", "payload": {"correction": "x",
         "void": True}},
        {"type": "order.delivered", "occurred_at": AT.format(4)},
    ]  # fmt: skip
    for number, change in enumerate(changes, 1):
        await shop.record(event_id=f"evt_{number}", **change)
        for at in (None, AT.format(3), AT.format(4)):
            query = {} if at is None else {"at": at}
            answer = await reader.get(path, params=query)
            assert answer.status_code == 200
            sequence = answer.json()["metadata"]["event_sequence"]
            answers.append((query, sequence, answer.content))
        for query, sequence, content in answers:
            again = await reader.get(path, params={**query, "known_sequence": sequence})
            assert raw_state(again.content) == raw_state(content)
            assert again.json()["metadata"] == json.loads(content)["metadata"]


@pytest.mark.parametrize("role", ["history_reader", "support"])
async def test_a_state_shows_what_its_reader_may_see(shop: Shop, role: str) -> None:
    address = {"line1": "1 Main St", "city": "Lyon", "country": "FR"}
    await shop.record(
        type="order.created",
        payload={"customer": {"id": "c", "name": "Jo", "email": "jo@example.org"},
                 "shipping_address": address},
    )  # fmt: skip
    await shop.record(type="order.hold.placed", payload={"reason": "Jo did not answer"})
    answer = await shop.get("/orders/ord_1/snapshot", role)
    state = answer.json()["state"]
    assert state["customer"]["id"] == "c"
    assert state["shipping_address"]["country"] == "FR"
    if role == "support":
        assert state["customer"]["name"] == "Jo"
        assert state["shipping_address"] == address
        assert state["hold_reason"] == "Jo did not answer"
    else:
        assert state["customer"]["name"] == {"masked": True} == state["hold_reason"]
        assert not any(word in answer.text for word in ("Jo", "jo@", "Lyon", "Main", "_sd"))


async def test_every_arrival_order_tells_the_same(shop: Shop) -> None:
    steps: list[Json] = [
        {"type": "order.created", "payload": {"total_minor": 1, "channel": "web"}},
        {"type": "order.confirmed"},
        {"type": "order.shipped", "payload": {"tracking_number": "T"}},
        {"type": "order.delivered", "payload": {"tracking_number": "T"}},
    ]
    states = set()
    for number, arrival in enumerate(itertools.permutations(range(4))):
        order_id = f"ord_{number}"
        for step in arrival:
            await shop.record(order_id, occurred_at=AT.format(step + 1), **steps[step])
        answer = await shop.get(f"/orders/{order_id}/snapshot")
        states.add(raw_state(answer.content.replace(order_id.encode(), b"ord")))
    assert len(states) == 1
