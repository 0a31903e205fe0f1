"""The effect table, row by row: exactly what each event changes in an order's state."""

from __future__ import annotations

from typing import Any

import pytest

from domain.orders.state import empty_state
from domain.times import format_us
from tests.domain.orders.steps import OTHER, SEALED, after, changes


def test_nothing_is_known_of_an_empty_order() -> None:
    assert empty_state("o1") == {
        "order_id": "o1",
        **dict.fromkeys(("status", "channel", "number", "currency", "customer_id", "hold_reason")),
        **dict.fromkeys(("subtotal_minor", "tax_minor", "shipping_minor", "discount_minor")),
        **dict.fromkeys(("total_minor", "promised_delivery_at", "delivered_at")),
        **dict.fromkeys(("first_occurred_at", "last_occurred_at")),
        "captured_minor": 0,
        "refunded_minor": 0,
        "customer": {},
        "shipping_address": {},
        "billing_address": {},
        "items": [],
        "payments": {},
        "shipments": {},
        "fulfillment": {},
        "returns": {},
        "on_hold": False,
        "event_count": 0,
    }


def test_created_sets_what_is_given() -> None:
    given: dict[str, Any] = {
        "number": "SHO-1",
        "status": "open",
        "channel": "shopify",
        "currency": "EUR",
        "subtotal_minor": 1000,
        "tax_minor": 190,
        "shipping_minor": 499,
        "discount_minor": 0,
        "total_minor": 1689,
        "promised_delivery_at": "2025-01-05T00:00:00+01:00",
        "items": [{"sku": "A", "name": "Tea", "qty": 2, "unit_price_minor": 500, "line": 1}],
        "customer": {"id": "cust_1", "email": SEALED},
        "shipping_address": {"city": SEALED, "country": "DE", "line2": None},
        "lines": 7,
    }
    expected = {name: value for name, value in given.items() if name != "lines"}
    expected["customer_id"] = "cust_1"
    expected["shipping_address"] = {"city": SEALED, "country": "DE"}
    assert changes(("created", given)) == expected


def test_created_without_a_status_is_pending_and_nulls_are_absent() -> None:
    nothing = {"status": None, "total_minor": None, "items": None, "customer": None}
    assert changes(("created", nothing)) == {"status": "pending"}
    assert changes(("created", {})) == {"status": "pending"}


def test_customer_id_alone() -> None:
    assert changes(("updated", {"customer_id": "cust_1"})) == {"customer_id": "cust_1"}


def test_updated_sets_only_what_changed() -> None:
    created = {
        "total_minor": 5,
        "channel": "web",
        "items": [{"sku": "A"}, {"sku": "B"}],
        "customer": {"id": "c1", "name": SEALED, "email": OTHER},
        "billing_address": {"line1": SEALED, "country": "DE"},
    }
    updated = {
        "total_minor": 0,
        "channel": None,
        "items": [{"sku": "B", "qty": 0}],
        "customer": {"name": OTHER, "email": None, "phone": SEALED},
        "billing_address": {"country": "AT"},
        "shipping_address": {"city": SEALED},
    }
    assert changes(("created", created), ("updated", updated)) == {
        "status": "pending",
        "total_minor": 0,
        "channel": "web",
        "items": [{"sku": "B", "qty": 0}],
        "customer_id": "c1",
        "customer": {"id": "c1", "name": OTHER, "email": OTHER, "phone": SEALED},
        "billing_address": {"line1": SEALED, "country": "AT"},
        "shipping_address": {"city": SEALED},
    }
    assert after(("created", created), ("updated", {"items": []}))["items"] == []


@pytest.mark.parametrize("segment", ["confirmed", "shipped", "delivered", "cancelled", "closed"])
def test_the_status_is_to_or_the_last_segment(segment: str) -> None:
    assert after((segment, {"from": "x", "to": "y", "reason": SEALED}))["status"] == "y"
    assert after((segment, {"from": "x", "to": None}))["status"] == segment
    assert after((segment, {"to": SEALED}))["status"] == SEALED
    delivered = {"delivered_at": format_us(1)} if segment == "delivered" else {}
    assert changes((segment, {"total_minor": 5})) == {"status": segment, **delivered}


def test_status_changed() -> None:
    assert changes(("status.changed", {"from": "a", "to": "b"})) == {"status": "b"}
    assert changes(("created", {}), ("status.changed", {})) == {"status": "pending"}


def test_shipped_and_delivered_update_the_shipment_of_that_tracking_number() -> None:
    first = {"carrier": "dhl", "tracking_number": "T1", "package": 1, "packages": 2}
    second = {"carrier": "ups", "tracking_number": "T2", "package": 2, "packages": 2}
    got = {"to": "delivered", "tracking_number": "T1", "signed_by": SEALED}
    assert changes(("shipped", first), ("shipped", second), ("delivered", got)) == {
        "status": "delivered",
        "delivered_at": format_us(3),
        "shipments": {
            "T1": {**first, "status": "delivered", "signed_by": SEALED},
            "T2": {**second, "status": "shipped"},
        },
    }


def test_delivered_at_is_that_of_the_last_package() -> None:
    one, two = {"tracking_number": "T1"}, {"tracking_number": "T2"}
    state = after(("delivered", one), ("delivered", two), ("closed", {}))
    assert (state["status"], state["delivered_at"]) == ("closed", format_us(2))


@pytest.mark.parametrize("number", [{}, {"tracking_number": None}, {"tracking_number": SEALED}])
def test_shipped_without_a_tracking_number_sets_the_status_only(number: dict[str, Any]) -> None:
    assert changes(("shipped", {"carrier": "dhl", **number})) == {"status": "shipped"}


def test_fulfillment() -> None:
    created = ("fulfillment.created", {"warehouse": "wh-1", "lines": 2})
    packed = ("fulfillment.packed", {"warehouse": None, "weight_g": 12.5, "other": 1})
    assert changes(created) == {
        "fulfillment": {"status": "created", "warehouse": "wh-1", "lines": 2}
    }
    assert changes(created, packed) == {
        "fulfillment": {"status": "packed", "warehouse": "wh-1", "lines": 2, "weight_g": 12.5}
    }


@pytest.mark.parametrize(
    "segment", ["in_transit", "out_for_delivery", "delivery_failed", "exception"]
)
def test_a_shipment_keeps_its_last_status_code_and_place(segment: str) -> None:
    before = {"carrier": "dhl", "tracking_number": "T1", "location": "HUB-1", "code": "IT0"}
    step = {"tracking_number": "T1", "location": "HUB-2", "description": SEALED}
    assert changes(("shipment.in_transit", before), (f"shipment.{segment}", step)) == {
        "shipments": {"T1": {**before, "location": "HUB-2", "status": segment}}
    }
    assert changes((f"shipment.{segment}", {"location": "HUB-1"})) == {}


ITEMS = ("updated", {"items": [{"sku": "A", "qty": 1, "unit_price_minor": 5}, {"sku": "B"}]})


def test_an_items_price() -> None:
    change = {
        "sku": "A",
        "qty": 1,
        "before": {"unit_price_minor": 5},
        "after": {"unit_price_minor": 4},
        "total_before_minor": 5,
        "total_after_minor": 4,
    }
    assert changes(ITEMS, ("item.price_changed", change)) == {
        "items": [{"sku": "A", "qty": 1, "unit_price_minor": 4}, {"sku": "B"}],
        "total_minor": 4,
    }


def test_an_items_quantity() -> None:
    change = {"sku": "B", "before": {"qty": 1}, "after": {"qty": 2}, "total_after_minor": None}
    assert changes(ITEMS, ("item.quantity_changed", change)) == {
        "items": [{"sku": "A", "qty": 1, "unit_price_minor": 5}, {"sku": "B", "qty": 2}],
    }


def test_of_two_lines_of_a_sku_the_one_that_was_so_before() -> None:
    lines = ("updated", {"items": [{"sku": "A", "qty": 1}, {"sku": "A", "qty": 3}]})

    def change(**given: Any) -> list[int]:
        state = after(lines, ("item.quantity_changed", {"sku": "A", "after": {"qty": 9}, **given}))
        return [line["qty"] for line in state["items"]]

    assert change(before={"qty": 3}) == [1, 9]
    assert change(before={"qty": 7}) == [9, 3]
    assert change() == [9, 3]
    assert change(before={"qty": None}) == [9, 3]


def test_without_a_before_a_line_that_lacks_the_field_is_not_preferred() -> None:
    lines = ("updated", {"items": [{"sku": "A", "qty": 1}, {"sku": "A"}]})
    change = ("item.quantity_changed", {"sku": "A", "before": {}, "after": {"qty": 9}})
    assert after(lines, change)["items"] == [{"sku": "A", "qty": 9}, {"sku": "A"}]


def test_a_change_of_an_unknown_item_changes_the_total_only() -> None:
    change = {"sku": "Z", "after": {"qty": 2}, "total_after_minor": 8}
    assert changes(("item.quantity_changed", change)) == {"total_minor": 8}


def test_an_address_field_by_field() -> None:
    placed = {"shipping_address": {"line1": SEALED, "line2": SEALED, "country": "DE"}}
    change = {
        "field": "shipping_address",
        "before": {"line1": SEALED},
        "after": {"line1": OTHER, "line2": None, "city": OTHER},
    }
    assert changes(("updated", placed), ("address.changed", change)) == {
        "shipping_address": {"line1": OTHER, "line2": SEALED, "city": OTHER, "country": "DE"}
    }
    billing = {"field": "billing_address", "after": {"country": "FR"}}
    assert changes(("address.changed", billing)) == {"billing_address": {"country": "FR"}}


@pytest.mark.parametrize("field", [None, "customer", "status", ["shipping_address"], SEALED])
def test_an_address_that_an_order_has_not(field: object) -> None:
    assert changes(("address.changed", {"field": field, "after": {"country": "FR"}})) == {}


def test_a_hold() -> None:
    placed = ("hold.placed", {"reason": SEALED, "risk_score": 72})
    assert changes(placed) == {"on_hold": True, "hold_reason": SEALED}
    assert changes(("hold.placed", {})) == {"on_hold": True}
    assert changes(placed, ("hold.released", {"reason": OTHER})) == {}


def test_a_return_by_its_rma() -> None:
    assert changes(
        ("return.requested", {"rma": "R1", "reason": SEALED}),
        ("return.approved", {"rma": "R1"}),
        ("return.received", {"rma": "R1", "condition": "damaged"}),
        ("return.requested", {"rma": "R2"}),
    ) == {
        "returns": {
            "R1": {"rma": "R1", "status": "received", "reason": SEALED, "condition": "damaged"},
            "R2": {"rma": "R2", "status": "requested"},
        }
    }


def test_a_return_without_an_rma_by_the_event_that_requested_it() -> None:
    assert changes(
        ("return.requested", {"reason": SEALED}),
        ("return.requested", {}),
        ("return.requested", {"rma": "R1"}),
        ("return.received", {"condition": "new"}),
    ) == {
        "returns": {
            "e1": {"status": "requested", "reason": SEALED},
            "e2": {"status": "received", "condition": "new"},
            "R1": {"rma": "R1", "status": "requested"},
        }
    }
    assert changes(("return.approved", {})) == {"returns": {"e1": {"status": "approved"}}}
