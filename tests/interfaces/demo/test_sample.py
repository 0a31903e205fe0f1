"""The demo's sample: always the same, acceptable to the service, with every kind of trouble."""

from __future__ import annotations

import ipaddress
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from domain.orders.history import AsOf, state_as_of
from domain.orders.incoming import check_event
from domain.orders.state import PastEvent
from domain.times import parse_us, to_us
from infrastructure.schemas import PayloadSchemas
from interfaces.demo.hero import BEGAN, BETWEEN_THE_PARCELS, EMAIL, ORDER_ID
from interfaces.demo.sample import MARGIN, sample

NOW = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)
TENANTS = ["north-mart", "blue-kiosk"]
DOCUMENTATION = [
    ipaddress.ip_network(block) for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
]


@pytest.fixture(scope="module")
def events() -> dict[str, list[dict[str, Any]]]:
    return sample(NOW, orders=600)


def of_hero(events: list[dict[str, Any]]) -> list[PastEvent]:
    own = [event for event in events if event["order_id"] == ORDER_ID]
    return [
        PastEvent(
            number,
            number,
            event["event_id"],
            event["type"],
            event["occurred_at"],
            parse_us(event["occurred_at"]),
            number,
            event["payload"],
            event.get("correction_of"),
        )
        for number, event in enumerate(own, start=1)
    ]


def test_it_is_the_same_every_time(events: dict[str, list[dict[str, Any]]]) -> None:
    assert msgspec.json.encode(sample(NOW, orders=600)) == msgspec.json.encode(events)
    assert sample(NOW, orders=600, seed=21) != events


def test_the_default_is_some_thousand_orders() -> None:
    full = sample(NOW)
    assert list(full) == TENANTS
    assert sum(len({event["order_id"] for event in part}) for part in full.values()) == 3000
    assert 30_000 <= sum(map(len, full.values())) <= 45_000


@pytest.mark.parametrize("tenant", TENANTS)
def test_the_service_accepts_every_event(
    events: dict[str, list[dict[str, Any]]], tenant: str
) -> None:
    validator = PayloadSchemas()
    for event in events[tenant]:
        read = check_event(event, now_us=to_us(NOW), validator=validator)
        assert read.event_id == event["event_id"]
        assert not read.redactions


@pytest.mark.parametrize("tenant", TENANTS)
def test_event_ids_are_unique(events: dict[str, list[dict[str, Any]]], tenant: str) -> None:
    assert max(Counter(event["event_id"] for event in events[tenant]).values()) == 1


def test_nothing_has_happened_in_the_last_minutes(
    events: dict[str, list[dict[str, Any]]],
) -> None:
    latest = max(parse_us(event["occurred_at"]) for part in events.values() for event in part)
    assert to_us(NOW - timedelta(days=1)) < latest <= to_us(NOW - MARGIN)


@pytest.mark.parametrize("tenant", TENANTS)
def test_some_arrive_out_of_order(events: dict[str, list[dict[str, Any]]], tenant: str) -> None:
    by_order: dict[str, list[int]] = {}
    for event in events[tenant]:
        by_order.setdefault(event["order_id"], []).append(parse_us(event["occurred_at"]))
    disordered = [
        order
        for order, times in by_order.items()
        if any(later < earlier for earlier, later in pairwise(times))
    ]
    assert len(by_order) // 50 < len(disordered) < len(by_order) // 2
    assert ORDER_ID in disordered


@pytest.mark.parametrize("tenant", TENANTS)
def test_all_kinds_of_trouble_are_in_it(
    events: dict[str, list[dict[str, Any]]], tenant: str
) -> None:
    types = {event["type"] for event in events[tenant]}
    assert types >= {
        "order.payment.failed",
        "order.cancelled",
        "order.return.received",
        "order.payment.refunded",
        "order.address.changed",
        "order.item.price_changed",
        "order.item.quantity_changed",
        "order.hold.released",
        "order.payment.dispute_closed",
        "order.note.added",
        "order.shipment.exception",
        "order.delivered",
    }
    corrections = [event for event in events[tenant] if "correction_of" in event]
    assert {"patch" in event["payload"] for event in corrections} == {True, False}


@pytest.mark.parametrize("tenant", TENANTS)
def test_people_are_invented_and_their_addresses_lead_nowhere(
    events: dict[str, list[dict[str, Any]]], tenant: str
) -> None:
    created = [event for event in events[tenant] if event["type"] == "order.created"]
    customers = [event["payload"]["customer"] for event in created]
    assert all(one["email"].endswith(("@example.com", "@example.org")) for one in customers)
    assert all(one["email"].isascii() for one in customers)
    assert len({one["id"] for one in customers}) < len(customers)
    countries = {event["payload"]["shipping_address"]["country"] for event in created}
    assert len(countries) >= 3
    addresses = {event["metadata"]["ip"] for event in events[tenant] if "ip" in event["metadata"]}
    assert all(
        any(ipaddress.ip_address(one) in block for block in DOCUMENTATION) for one in addresses
    )


def test_the_heros_customer_has_the_address_that_the_tour_searches_for(
    events: dict[str, list[dict[str, Any]]],
) -> None:
    own = [event for event in events[TENANTS[0]] if event["order_id"] == ORDER_ID]
    (created,) = (event for event in own if event["type"] == "order.created")
    assert created["payload"]["customer"]["email"] == EMAIL


@pytest.mark.parametrize("tenant", TENANTS)
def test_the_hero_ends_as_its_story_says(
    events: dict[str, list[dict[str, Any]]], tenant: str
) -> None:
    answer = state_as_of(ORDER_ID, of_hero(events[tenant]), at_us=None)
    assert isinstance(answer, AsOf)
    state = answer.state
    assert state["status"] == "closed"
    assert state["shipping_address"]["line1"] == "81 Quay Street"
    assert state["refunded_minor"] == 990
    assert state["on_hold"] is False
    assert len(state["shipments"]) == 2
    assert state["delivered_at"] > state["promised_delivery_at"]
    assert answer.late


@pytest.mark.parametrize("tenant", TENANTS)
def test_between_the_parcels_only_one_has_come(
    events: dict[str, list[dict[str, Any]]], tenant: str
) -> None:
    moment = NOW - MARGIN - BEGAN + BETWEEN_THE_PARCELS
    answer = state_as_of(ORDER_ID, of_hero(events[tenant]), at_us=to_us(moment))
    assert isinstance(answer, AsOf)
    shipments = answer.state["shipments"].values()
    assert sorted(one["status"] for one in shipments) == ["delivered", "exception"]
    assert answer.state["refunded_minor"] == 0
