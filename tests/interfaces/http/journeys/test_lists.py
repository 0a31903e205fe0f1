"""The filters of GET /events and GET /orders, each alone and in pairs, against a slow reference."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.interfaces.http.journeys.house import House, Json, Shop, pointers

pytestmark = pytest.mark.anyio

EVENTS = 90
Asked = tuple[str, Any, Callable[[Json], bool]]
"""A parameter, its value, and what the reference says of an item."""


def at(minute: int) -> str:
    return f"2025-01-01T{10 + minute // 60:02}:{minute % 60:02}:00Z"


def lives(shop: Shop, draw: random.Random) -> list[Json]:
    """Lives of nine orders, mixed. Each begins with its creation."""
    orders = [f"ord_{number}" for number in range(9)]
    events = [
        shop.event(
            order,
            type="order.created",
            occurred_at=at(draw.randrange(30)),
            source=draw.choice(["web", "app"]),
            payload={
                "status": draw.choice(["pending", "paid"]),
                "channel": draw.choice(["web", "store"]),
                "currency": draw.choice(["EUR", "GBP"]),
                "customer_id": draw.choice(["c1", "c2"]),
                "items": [{"sku": sku, "qty": 1} for sku in draw.sample("ABC", 2)],
                **({} if order == "ord_4" else {"total_minor": draw.choice([100, 200, 300])}),
            },
            metadata={"actor_id": draw.choice(["c1", "svc"])},
        )
        for order in orders
    ]
    changes: list[Json] = [
        {"type": "order.shipped", "payload": {"to": "shipped"}},
        {"type": "order.hold.placed", "payload": {"reason": "risk"}},
        {"type": "order.hold.released", "payload": {}},
        {"type": "order.note.added", "payload": {"note": "x"}},
        {"type": "order.payment.succeeded", "payload": {"payment_id": "p", "amount_minor": 1}},
    ]
    while len(events) < EVENTS:
        events.append(
            shop.event(
                draw.choice(orders),
                occurred_at=at(30 + draw.randrange(60)),
                source=draw.choice(["web", "wms"]),
                metadata=draw.choice([None, {"actor_id": "svc"}, {"actor_id": "agent"}]),
                **draw.choice(changes),
            )
        )
    return events


@pytest.fixture(scope="module")
async def filled(house: House) -> tuple[Shop, list[Json], dict[str, Json]]:
    """A shop, its events by sequence, and each of its orders as the as-of question tells it."""
    shop = house.shop()
    for event in lives(shop, random.Random(7)):
        answer = await shop.send(event)
        assert answer.status_code == 201, answer.text
    await house.shop().record("ord_1")
    events = await shop.walk("/events", limit=1000)
    states = {}
    for order_id in {event["order_id"] for event in events}:
        state = (await shop.read(f"/orders/{order_id}/snapshot"))["state"]
        own = [event for event in events if event["order_id"] == order_id]
        state["actors"] = {event.get("metadata", {}).get("actor_id") for event in own}
        state["created_at"] = own[0]["occurred_at"]
        states[order_id] = state
    return shop, events, states


def actor_of(event: Json) -> Any:
    return event.get("metadata", {}).get("actor_id")


EVENT_FILTERS: list[Asked] = [
    ("order_id", "ord_3", lambda e: e["order_id"] == "ord_3"),
    ("order_id", "none", lambda _: False),
    ("type", "order.shipped", lambda e: e["type"] == "order.shipped"),
    ("type", "order.hold.*", lambda e: e["type"].startswith("order.hold.")),
    ("source", "wms", lambda e: e["source"] == "wms"),
    ("actor_id", "svc", lambda e: actor_of(e) == "svc"),
    ("from", at(40), lambda e: e["occurred_at"] >= at(40)),
    ("to", at(70), lambda e: e["occurred_at"] < at(70)),
    ("has_attachments", "true", lambda _: False),
    ("has_attachments", "false", lambda _: True),
]
ORDER_FILTERS: list[Asked] = [
    ("status", "shipped", lambda o: o["status"] == "shipped"),
    ("channel", "web", lambda o: o["channel"] == "web"),
    ("currency", "EUR", lambda o: o["currency"] == "EUR"),
    ("customer_id", "c1", lambda o: o["customer_id"] == "c1"),
    ("sku", "A", lambda o: any(item["sku"] == "A" for item in o["items"])),
    ("min_total_minor", 200, lambda o: (o.get("total_minor") or 0) >= 200),
    ("max_total_minor", 200, lambda o: (o.get("total_minor") or 999) <= 200),
    ("last_event_before", at(85), lambda o: o["last_occurred_at"] < at(85)),
    ("last_event_after", at(80), lambda o: o["last_occurred_at"] >= at(80)),
    ("created_from", at(10), lambda o: o["created_at"] >= at(10)),
    ("created_to", at(20), lambda o: o["created_at"] < at(20)),
    ("actor_id", "agent", lambda o: "agent" in o["actors"]),
    ("on_hold", "true", lambda o: o["on_hold"]),
    ("on_hold", "false", lambda o: not o["on_hold"]),
]


def alone_and_in_pairs(filters: list[Asked]) -> list[tuple[Asked, ...]]:
    pairs = [pair for pair in itertools.combinations(filters, 2) if pair[0][0] != pair[1][0]]
    return [*((one,) for one in filters), *pairs]


async def test_events_by_their_filters(
    filled: tuple[Shop, list[Json], dict[str, Json]],
) -> None:
    shop, events, _ = filled
    assert len(events) == EVENTS
    met = 0
    for asked in alone_and_in_pairs(EVENT_FILTERS):
        expected = [event for event in events if all(fits(event) for _, _, fits in asked)]
        found = await shop.walk("/events", limit=40, **{name: value for name, value, _ in asked})
        assert found == expected, [name for name, _, _ in asked]
        met += bool(expected)
    assert met > 20


async def test_orders_by_their_filters(
    filled: tuple[Shop, list[Json], dict[str, Json]],
) -> None:
    shop, _, states = filled
    met = 0
    for asked in alone_and_in_pairs(ORDER_FILTERS):
        fitting = [o for o in states.values() if all(fits(o) for _, _, fits in asked)]
        fitting.sort(key=lambda o: (o["last_occurred_at"], o["order_id"]), reverse=True)
        found = await shop.walk("/orders", limit=4, **{name: value for name, value, _ in asked})
        expected = [state["order_id"] for state in fitting]
        assert [o["order_id"] for o in found] == expected, [name for name, _, _ in asked]
        met += 0 < len(expected) < len(states)
    assert met > 60


@pytest.mark.parametrize(
    ("sort", "key"),
    [("last_event_at", "last_occurred_at"), ("created_at", "created_at"), ("total_minor", "")],
)
@pytest.mark.parametrize("limit", [1, 4, 50])
async def test_orders_by_their_sorts(
    filled: tuple[Shop, list[Json], dict[str, Json]], sort: str, key: str, limit: int
) -> None:
    shop, _, states = filled

    def place(state: Json) -> tuple[Any, str]:
        return state[key] if key else state.get("total_minor") or -1, state["order_id"]

    expected = [o["order_id"] for o in sorted(states.values(), key=place, reverse=True)]
    found = await shop.walk("/orders", sort=sort, limit=limit)
    assert [order["order_id"] for order in found] == expected


async def test_an_order_in_the_list_is_as_its_state_says(
    filled: tuple[Shop, list[Json], dict[str, Json]],
) -> None:
    shop, _, states = filled
    listed = await shop.walk("/orders")
    assert len(listed) == len(states)
    for order in listed:
        state = states[order["order_id"]]
        for name in ("status", "channel", "currency", "customer_id", "on_hold", "event_count"):
            assert order[name] == state[name], name
        assert order["total_minor"] == state.get("total_minor")
        assert sorted(order["skus"]) == sorted(item["sku"] for item in state["items"])
        assert order["last_event_at"] == state["last_occurred_at"]
        assert order["first_event_at"] == state["first_occurred_at"]


async def test_recent_changes(shop: Shop) -> None:
    now = datetime.now(UTC)
    for hours in (0.5, 2, 30):
        occurred_at = (now - timedelta(hours=hours)).isoformat(timespec="microseconds")
        await shop.record(f"ord_{hours}", occurred_at=occurred_at)
    for duration, count in (("PT1H", 1), ("PT3H", 2), ("P1D", 2), ("P1W", 3), ("PT0S", 0)):
        assert len(await shop.walk("/orders", has_recent_changes=duration)) == count, duration


async def test_before_its_first_event_a_tenants_lists_are_empty(shop: Shop) -> None:
    for path in ("/events", "/orders"):
        assert await shop.read(path) == {"items": [], "next_cursor": None}


BAD_QUERIES = [
    ("/events", "limit=0", "/limit"),
    ("/events", "limit=1001", "/limit"),
    ("/events", "limit=-1", "/limit"),
    ("/events", "limit=1.5", "/limit"),
    ("/events", "limit=ten", "/limit"),
    ("/events", "limit=", "/limit"),
    ("/events", "limit=1&limit=1", "/limit"),
    ("/events", "limt=1", "/limt"),
    ("/events", "a%2Fb=1", "/a~1b"),
    ("/events", "from=2025-01-02T00:00:00Z&to=2025-01-01T00:00:00Z", "/from"),
    ("/events", "from=yesterday", "/from"),
    ("/events", "from=2025-02-30T00:00:00Z", "/from"),
    ("/events", "from=2025-01-01T00:00:00", "/from"),
    ("/events", "to=2025-01-01", "/to"),
    ("/events", "to=1735689600", "/to"),
    ("/events", "from=2025-01-01T00:00:00+01:00", "/from"),  # a plus that is a space
    ("/events", "order_id=", "/order_id"),
    ("/events", "order_id=" + "x" * 201, "/order_id"),
    ("/events", "order_id=%00", "/order_id"),
    ("/events", "order_id=%0a", "/order_id"),
    ("/events", "order_id=%ff", ""),
    ("/events", "type=Order.Created", "/type"),
    ("/events", "has_attachments=yes", "/has_attachments"),
    ("/events", "has_attachments=1", "/has_attachments"),
    ("/events", "&".join(f"p{n}=1" for n in range(200)), ""),
    ("/orders", "on_hold=maybe", "/on_hold"),
    ("/orders", "sort=status", "/sort"),
    ("/orders", "sort=last_event_at%20desc", "/sort"),
    ("/orders", "min_total_minor=1.5", "/min_total_minor"),
    ("/orders", "min_total_minor=9007199254740992", "/min_total_minor"),
    ("/orders", "min_total_minor=2&max_total_minor=1", "/min_total_minor"),
    ("/orders", "has_recent_changes=1h", "/has_recent_changes"),
    ("/orders", "has_recent_changes=PT", "/has_recent_changes"),
    ("/orders", "has_recent_changes=P1Y", "/has_recent_changes"),
    ("/orders", "has_recent_changes=-PT1H", "/has_recent_changes"),
    (
        "/orders",
        "created_from=2025-01-02T00:00:00Z&created_to=2025-01-01T00:00:00Z",
        "/created_from",
    ),
    (
        "/orders",
        "last_event_after=2025-01-02T00:00:00Z&last_event_before=2025-01-01T00:00:00Z",
        "/last_event_after",
    ),
    ("/orders/ord_1/timeline", "order=random", "/order"),
    ("/orders/ord_1/timeline", "expand=everything", "/expand"),
    ("/orders/ord_1/timeline", "limit=1001", "/limit"),
    ("/orders/ord_1/timeline", "type=order.created", "/type"),
    ("/orders/ord_1/timeline/aggregate", "limit=1", "/limit"),
    ("/orders/ord_1/events/order.*", "order=sequence", "/order"),
    ("/orders/ord_1/snapshot", "at=now", "/at"),
    ("/orders/ord_1/snapshot", "known_sequence=0", "/known_sequence"),
    ("/orders/ord_1/snapshot", "known_sequence=-1", "/known_sequence"),
    ("/orders/ord_1/snapshot", "known_sequence=99999", "/known_sequence"),
    (
        "/orders/ord_1/snapshot",
        "known_sequence=1&known_at=2025-01-01T00:00:00Z",
        "/known_sequence",
    ),
    ("/orders/ord_1/snapshots", "limit=0", "/limit"),
    ("/events/evt_1", "limit=1", "/limit"),
    ("/events/evt_1/bytes", "x=", "/x"),
    ("/events/stream", "after=-1", "/after"),
    ("/events/stream", "after=x", "/after"),
    ("/health", "x=1", "/x"),
]


@pytest.mark.parametrize(("path", "query", "pointer"), BAD_QUERIES)
async def test_a_query_that_is_not_valid(shop: Shop, path: str, query: str, pointer: str) -> None:
    await shop.record()
    answer = await shop.as_role("admin").get(f"/v1/order-history{path}?{query}")
    assert answer.status_code == 422, answer.text
    assert pointer in pointers(answer)
    assert {error["in"] for error in answer.json()["errors"]} == {"query"}


async def test_a_misspelt_parameter_is_told_its_name(shop: Shop) -> None:
    answer = await shop.get("/events", limt=1)
    assert "'limit'" in answer.json()["errors"][0]["detail"]
