from __future__ import annotations

from typing import Any

import pytest

from domain.errors import FieldError
from infrastructure.schemas import MAX_ERRORS, PayloadSchemas

SCHEMAS = PayloadSchemas()


def found(event_type: str, payload: dict[str, Any]) -> dict[str, str]:
    errors = SCHEMAS.errors(event_type, "v1", payload)
    assert all(isinstance(error, FieldError) for error in errors)
    return {error.pointer: error.detail for error in errors}


def test_knows_the_versions_of_canonical_types() -> None:
    assert SCHEMAS.known("order.created", "v1")
    assert not SCHEMAS.known("order.created", "v99")
    assert SCHEMAS.known("shop.basket.left", "anything")


@pytest.mark.parametrize(
    ("event_type", "payload"),
    [
        ("order.created", {}),
        ("order.created", {"total_minor": None, "further": {"a": [1]}, "items": [{"x": 1}]}),
        ("order.status.changed", {"to": "shipped"}),
        ("order.hold.placed", {"risk_score": 0.5}),
        ("shop.basket.left", {"total_minor": "anything"}),
    ],
)
def test_valid(event_type: str, payload: dict[str, Any]) -> None:
    assert found(event_type, payload) == {}


@pytest.mark.parametrize(
    ("event_type", "payload", "errors"),
    [
        ("order.created", {"total_minor": "1"}, {"/payload/total_minor": "must be an integer"}),
        ("order.created", {"total_minor": 1.5}, {"/payload/total_minor": "must be an integer"}),
        ("order.created", {"number": 7}, {"/payload/number": "must be a string"}),
        ("order.created", {"items": [{}, 1]}, {"/payload/items/1": "must be an object"}),
        ("order.created", {"items": {}}, {"/payload/items": "must be an array"}),
        (
            "order.created",
            {"customer": {"name": []}},
            {"/payload/customer/name": "must be a string"},
        ),
        ("order.created", {"currency": "eur"}, {"/payload/currency": "must match ^[A-Z]{3}$"}),
        ("order.status.changed", {}, {"/payload/to": "is required"}),
        ("order.status.changed", {"to": None}, {"/payload/to": "must be a string"}),
        (
            "order.correction",
            {"correction": "x", "void": 1},
            {"/payload/void": "must be a boolean"},
        ),
        (
            "order.created",
            {"number": 7, "total_minor": True},
            {"/payload/number": "must be a string", "/payload/total_minor": "must be an integer"},
        ),
    ],
)
def test_says_where_and_why(
    event_type: str, payload: dict[str, Any], errors: dict[str, str]
) -> None:
    assert found(event_type, payload) == errors


def test_money_beyond_exact_integers_is_out_of_range() -> None:
    (detail,) = found("order.created", {"total_minor": 2**53}).values()
    assert detail.startswith("is out of range")


def test_never_repeats_a_value() -> None:
    secret = {"email": "ann@example.org"}
    payload = {"customer": {"email": [secret], "phone": secret}, "number": secret}
    errors = found("order.created", payload)
    assert len(errors) == 3
    assert not any("ann" in detail for detail in errors.values())


def test_lists_a_bounded_number() -> None:
    errors = SCHEMAS.errors("order.created", "v1", {"items": [1] * 1000})
    assert len(errors) == MAX_ERRORS
