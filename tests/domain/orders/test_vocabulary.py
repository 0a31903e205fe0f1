"""The canonical types and their schemas, against real input and against nonsense."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from domain.orders.vocabulary import (
    CANONICAL,
    TYPE_PATTERN,
    is_reserved,
    pii_marks,
    schema,
    time_fields,
    versions,
)

DATA = Path(__file__).parents[4] / "shared" / "data" / "events"
NAMES = """
order.created order.updated order.confirmed order.shipped order.delivered order.cancelled
order.closed order.status.changed order.payment.authorized order.payment.succeeded
order.payment.failed order.payment.voided order.payment.refunded order.payment.disputed
order.payment.dispute_closed order.fulfillment.created order.fulfillment.packed
order.shipment.in_transit order.shipment.out_for_delivery order.shipment.delivery_failed
order.shipment.exception order.item.price_changed order.item.quantity_changed
order.address.changed order.hold.placed order.hold.released order.return.requested
order.return.approved order.return.received order.note.added order.adjusted
order.review.requested order.review.answered order.correction
"""
REQUIRED = {"order.status.changed": {"to": "paid"}, "order.correction": {"correction": "a typo"}}
WRONG: dict[str, tuple[Any, ...]] = {
    "string": (1, True, ["a"], {"a": 1}),
    "integer": ("1", 1.5, True, [1], {}),
    "number": ("1", True, [1.5]),
    "boolean": (0, "true", [], {}),
    "array": ({}, "a", 1),
    "object": ([], "a", 1, True),
}


def v1(name: str) -> dict[str, Any]:
    own = schema(name, "v1")
    assert own is not None
    return dict(own)


def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(v1(name))


def test_exactly_the_types_of_the_table_are_canonical() -> None:
    assert sorted(CANONICAL) == sorted(NAMES.split())
    assert all(versions(name) == ("v1",) for name in CANONICAL)
    assert all(TYPE_PATTERN.match(name) for name in CANONICAL)


def test_what_is_not_registered_has_no_schema() -> None:
    assert schema("order.created", "v99") is None
    assert schema("order.vanished", "v1") is None
    assert versions("order.vanished") == ()


@pytest.mark.parametrize("name", sorted(NAMES.split()))
def test_a_schema_is_valid_open_and_strict_about_types(name: str) -> None:
    own = v1(name)
    jsonschema_rs.meta.validate(own)
    check, required = validator(name), REQUIRED.get(name, {})
    assert check.is_valid({**required, "not_in_the_table": {"x": [1, None]}})
    for field, part in own["properties"].items():
        kinds = [part["type"]] if isinstance(part["type"], str) else part["type"]
        assert check.is_valid({**required, field: None}) == (field not in required)
        for wrong in WRONG[kinds[0]]:
            assert not check.is_valid({**required, field: wrong}), (field, wrong)
    assert not check.is_valid([])


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_the_two_required_fields(name: str) -> None:
    assert not validator(name).is_valid({})
    assert validator(name).is_valid(REQUIRED[name])


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("order.created", {"total_minor": 2**53}),
        ("order.created", {"total_minor": -(2**53)}),
        ("order.created", {"currency": "eur"}),
        ("order.created", {"currency": "EURO"}),
        ("order.created", {"currency": "EUR\n"}),
        ("order.created", {"items": ["SKU-1"]}),
        ("order.created", {"items": [None]}),
        ("order.created", {"items": [{"qty": 1.5}]}),
        ("order.created", {"items": [{"unit_price_minor": "12.00"}]}),
        ("order.updated", {"customer": {"email": 1}}),
        ("order.updated", {"billing_address": {"city": ["Paris"]}}),
        ("order.payment.refunded", {"amount_minor": 12.5}),
        ("order.item.price_changed", {"after": {"unit_price_minor": "1"}}),
        ("order.item.quantity_changed", {"before": {"qty": "1"}}),
        ("order.address.changed", {"after": {"line1": 7}}),
        ("order.correction", {"correction": "x", "patch": []}),
        ("order.correction", {"correction": "x", "void": "yes"}),
    ],
)
def test_refused(name: str, payload: dict[str, Any]) -> None:
    assert not validator(name).is_valid(payload)


def test_accepted() -> None:
    full = {
        "total_minor": 2**53 - 1,
        "currency": "EUR",
        "items": [{"sku": None, "qty": -1, "engraving": {"text": "x"}}],
        "customer": {"id": "c", "email": None, "vip": True},
        "shipping_address": None,
    }
    assert validator("order.created").is_valid(full)
    assert validator("order.correction").is_valid({"correction": "x", "patch": {}, "void": None})
    assert validator("order.hold.placed").is_valid({"risk_score": 0.87})


def test_times_are_left_to_the_reader() -> None:
    for name in CANONICAL:
        order = name in {"order.created", "order.updated"}
        assert time_fields(v1(name)) == ({("promised_delivery_at",)} if order else set())


def test_pii_marks_are_found_wherever_a_field_is_described() -> None:
    own = {
        "properties": {
            "vat": {"x-pii": True},
            "note": {"x-pii": False},
            "odd": {"x-pii": "yes"},
            "always": True,
            "people": {
                "x-pii": False,
                "items": {"properties": {"badge": {"x-pii": True}}, "x-pii": True},
            },
        }
    }
    assert pii_marks(own) == {
        ("vat",): True,
        ("note",): False,
        ("people",): False,
        ("people", "*"): True,
        ("people", "*", "badge"): True,
    }
    assert pii_marks({"properties": ["nonsense"], "items": [{"x-pii": True}]}) == {}


@pytest.mark.parametrize("name", ["history", "history.hold.placed", "history."])
def test_reserved(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["order.history", "histories.x", "order.created", ""])
def test_not_reserved(name: str) -> None:
    assert not is_reserved(name)


@pytest.mark.parametrize(
    "name", ["order", "Order.created", "order.", ".order", "order..x", "a.b\n", "a.b c", "é.a", ""]
)
def test_not_the_name_of_a_type(name: str) -> None:
    assert not TYPE_PATTERN.match(name)
    assert not TYPE_PATTERN.search(name)


@pytest.mark.skipif(not DATA.exists(), reason="the shared inputs are not here")
@pytest.mark.parametrize(
    ("name", "every", "malformed"),
    [("olist", 3, 0), ("online-retail", 3, 0), ("generated-20k", 1, 40), ("generated-200k", 20, 0)],
)
def test_real_events_pass(name: str, every: int, malformed: int) -> None:
    """Every event of the inputs but the lines that are malformed on purpose."""
    checks = {canonical: validator(canonical) for canonical in CANONICAL}
    refused = passed = 0
    with gzip.open(DATA / f"{name}.ndjson.gz", "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number % every:
                continue
            try:
                event = json.loads(line)
                check = checks[event["type"] if event["schema_version"] == "v1" else ""]
            except (ValueError, KeyError):
                refused += 1
                continue
            check.validate(event["payload"])
            passed += 1
    assert passed > 1000
    assert refused <= malformed
