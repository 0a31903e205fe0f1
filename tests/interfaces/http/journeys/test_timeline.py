"""One order's timeline: its order, windows and types, walks beside a writer, and the summary."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from tests.interfaces.http.journeys.house import BASE, Json, Shop, pointers

pytestmark = pytest.mark.anyio

TYPES = (
    "order.created",
    "order.payment.authorized",
    "order.payment.succeeded",
    "order.payment",
    "order.payments.x",
    "shop.order.payment.x",
    "order.note.added",
)


def at(second: float) -> str:
    return f"2025-01-01T10:00:{second:06.3f}Z"


def order_of(events: list[Json]) -> list[int]:
    return [event["sequence"] for event in events]


async def test_timeline_order_is_by_occurrence_then_by_sequence(shop: Shop) -> None:
    for second in (5, 3, 5, 1, 3, 9, 3):
        await shop.record(occurred_at=at(second))
    await shop.record("ord_2")
    assert order_of(await shop.walk("/orders/ord_1/timeline")) == [4, 2, 5, 7, 1, 3, 6]
    assert order_of(await shop.walk("/orders/ord_1/timeline", limit=2)) == [4, 2, 5, 7, 1, 3, 6]
    assert order_of(await shop.walk("/orders/ord_1/timeline", order="sequence", limit=3)) == [
        1, 2, 3, 4, 5, 6, 7,
    ]  # fmt: skip


async def test_from_includes_and_to_excludes(shop: Shop) -> None:
    for second in (1, 2, 3, 4):
        await shop.record(occurred_at=at(second))
    path = "/orders/ord_1/timeline"
    assert order_of(await shop.walk(path, from_=at(2), to=at(4))) == [2, 3]
    assert order_of(await shop.walk(path, from_="2025-01-01T11:00:03+01:00")) == [3, 4]
    assert order_of(await shop.walk(path, from_=at(2), to=at(2))) == []
    assert order_of(await shop.walk("/events", to=at(2.001))) == [1, 2]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("order.created", {"order.created"}),
        ("order.payment", {"order.payment"}),
        ("order.payment.*", {"order.payment.authorized", "order.payment.succeeded"}),
        ("order.*", set(TYPES) - {"shop.order.payment.x"}),
        ("shop.*", {"shop.order.payment.x"}),
        ("order.nothing", set()),
        ("order.note.added.*", set()),
    ],
)
async def test_types_and_their_patterns(shop: Shop, pattern: str, expected: set[str]) -> None:
    await shop.record_all(shop.event(type=name) for name in TYPES)
    await shop.record_all(shop.event("ord_2", type=name) for name in TYPES)
    of_order = await shop.walk(f"/orders/ord_1/events/{pattern}", limit=1)
    of_tenant = await shop.walk("/events", type=pattern, limit=1)
    assert {event["type"] for event in of_order} == expected == {e["type"] for e in of_tenant}
    assert len(of_order) == len(expected)
    assert len(of_tenant) == 2 * len(expected)


@pytest.mark.parametrize("pattern", ["*", "order.*.x", "order*", "Order.x", "order.", "a%00", ".*"])
async def test_what_is_no_type(shop: Shop, pattern: str) -> None:
    await shop.record()
    answer = await shop.get(f"/orders/ord_1/events/{pattern}")
    if pattern == "a%00":
        assert answer.status_code == 404
    else:
        assert answer.status_code == 422
        assert (pointers(answer), answer.json()["errors"][0]["in"]) == (["/type"], "path")
        assert (await shop.get("/events", type=pattern)).status_code == 422


@pytest.mark.parametrize("order", ["occurred", "sequence"])
async def test_a_walk_beside_a_writer_meets_each_event_once(shop: Shop, order: str) -> None:
    seconds = itertools.cycle((30, 10, 50, 20, 40))
    await shop.record_all(shop.event(occurred_at=at(next(seconds))) for _ in range(60))
    before = {event["event_id"] for event in await shop.walk("/orders/ord_1/timeline")}

    async def write() -> None:
        for _ in range(40):
            await shop.record(occurred_at=at(next(seconds)))
            await shop.record("ord_2")

    writer = asyncio.create_task(write())
    timeline, listed = await asyncio.gather(
        shop.walk("/orders/ord_1/timeline", order=order, limit=3), shop.walk("/events", limit=7)
    )
    await writer
    for walked in (timeline, listed):
        met = [event["event_id"] for event in walked]
        assert len(met) == len(set(met))
        assert before <= set(met)
    keys = [(e["occurred_at"] if order == "occurred" else "", e["sequence"]) for e in timeline]
    assert keys == sorted(keys)
    # By sequence nothing is missing in between either.
    assert order_of(listed) == list(range(1, len(listed) + 1))


async def test_an_unknown_order_is_404_and_an_empty_window_is_not(shop: Shop) -> None:
    await shop.record()
    assert (await shop.get("/orders/ord_0/timeline")).status_code == 404
    assert (await shop.get("/orders/ord_0/timeline/aggregate")).status_code == 404
    assert (await shop.get("/orders/ord_0/events/order.note.added")).status_code == 404
    assert (await shop.get("/orders/ord_0/snapshot")).status_code == 404
    assert await shop.read("/orders/ord_1/timeline", from_="2026-01-01T00:00:00Z") == {
        "items": [],
        "next_cursor": None,
    }


async def test_aggregate(shop: Shop) -> None:
    def by(actor_id: str, **more: Any) -> Json:
        return {"metadata": {"actor_id": actor_id, **more}}

    await shop.record(type="order.created", occurred_at=at(5), **by("c1", actor_type="customer"))
    await shop.record(type="order.shipped", source="wms", occurred_at=at(9.5), **by("svc"))
    await shop.record(occurred_at=at(1), **by("c1"))
    await shop.record(occurred_at=at(3), payload={"note": "x"})
    await shop.record("ord_2", **by("c1"))
    assert await shop.read("/orders/ord_1/timeline/aggregate") == {
        "order_id": "ord_1",
        "event_count": 4,
        "maintenance_events": 0,
        "by_type": {"order.created": 1, "order.note.added": 2, "order.shipped": 1},
        "by_source": {"shop": 3, "wms": 1},
        "first_occurred_at": "2025-01-01T10:00:01Z",
        "last_occurred_at": "2025-01-01T10:00:09.500Z",
        "actors": [
            {
                "actor_id": "c1", "actor_type": "customer", "events": 2,
                "first_at": "2025-01-01T10:00:01Z", "last_at": "2025-01-01T10:00:05Z",
            },
            {
                "actor_id": "svc", "actor_type": None, "events": 1,
                "first_at": "2025-01-01T10:00:09.500Z", "last_at": "2025-01-01T10:00:09.500Z",
            },
        ],
    }  # fmt: skip


async def test_an_order_id_may_hold_a_slash_and_more(shop: Shop) -> None:
    for order_id, path in (
        ("a/b", "a%2Fb"),
        ("a/b/timeline", "a%2fb%2Ftimeline"),
        ("100%", "100%25"),
        ("ö ?#&", "%C3%B6%20%3F%23%26"),
        ("%2F", "%252F"),
        ("..", "%2E%2E"),
        ("x" * 200, "x" * 200),
    ):
        await shop.record(order_id)
        for read in ("timeline", "timeline/aggregate", "events/order.*", "snapshot"):
            answer = await shop.get(f"/orders/{path}/{read}")
            assert answer.status_code == 200, (order_id, read)
            first = answer.json().get("items", [answer.json()])[0]
            assert first["order_id"] == order_id


async def test_min_sequence_waits_and_then_says_503(shop: Shop) -> None:
    stored = await shop.record()
    reader = shop.as_role("history_reader")
    path = f"{BASE}/orders/ord_1/timeline"
    there = await reader.get(path, headers={"X-Min-Sequence": str(stored["sequence"])})
    assert there.status_code == 200

    async def later() -> None:
        await asyncio.sleep(0.2)
        await shop.record()

    writer = asyncio.create_task(later())
    waited = await reader.get(path, headers={"X-Min-Sequence": "2"})
    await writer
    assert order_of(waited.json()["items"]) == [1, 2]
    never = await reader.get(path, headers={"X-Min-Sequence": "3"})
    assert never.status_code == 503
    assert int(never.headers["retry-after"]) >= 1


@pytest.mark.parametrize("value", ["-1", "1.0", "x", "", "9007199254740992", "9" * 40, "²"])
async def test_a_min_sequence_that_is_none(shop: Shop, value: str) -> None:
    await shop.record()
    for path in ("/orders/ord_1/timeline", "/events", "/orders", "/orders/ord_1/snapshot"):
        answer = await shop.as_role("history_reader").get(
            BASE + path, headers=[(b"X-Min-Sequence", value.encode())]
        )
        assert answer.status_code == 422, path
        assert pointers(answer) == ["/X-Min-Sequence"]
        assert answer.json()["errors"][0]["in"] == "header"
