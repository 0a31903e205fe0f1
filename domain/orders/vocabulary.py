"""The canonical event types and their schemas (the order vocabulary, v1).

The schemas are JSON Schema, draft 2020-12, of an event's payload: open for further fields; a field
that is given must have the right type; null counts as absent. They are built here from tables of
fields; validating with them is the outer layer's. `format: date-time` is an annotation: the reader
checks `time_fields` with `domain.times.parse_time`, the one definition of a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
Path = tuple[str, ...]
"""The way to a field: property names, and "*" for each item of a list."""

TYPE_PATTERN = re.compile(r"\A[a-z0-9_]+(?:\.[a-z0-9_]+)+\Z")
"""What the name of a type must look like, canonical or not."""

_RESERVED = "history"
_LIMIT = 2**53 - 1

_TEXT: Schema = {"type": ["string", "null"]}
_INTEGER: Schema = {"type": ["integer", "null"]}
_NUMBER: Schema = {"type": ["number", "null"]}
_MONEY: Schema = {"type": ["integer", "null"], "minimum": -_LIMIT, "maximum": _LIMIT}
_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_CURRENCY: Schema = {"type": ["string", "null"], "pattern": "^[A-Z]{3}$"}


def _fields(schema: Schema, *names: str) -> dict[str, Schema]:
    return dict.fromkeys(names, schema)


def _object(fields: Mapping[str, Schema]) -> Schema:
    return {"type": ["object", "null"], "properties": fields}


_CUSTOMER = _object(_fields(_TEXT, "id", "email", "name", "phone"))
_ADDRESS = _object(
    _fields(_TEXT, "name", "line1", "line2", "city", "region", "postal_code", "country")
)
_ITEM: Schema = {
    "type": "object",
    "properties": {
        **_fields(_TEXT, "sku", "name", "product_type"),
        "qty": _INTEGER,
        "unit_price_minor": _MONEY,
    },
}
_ORDER: Mapping[str, Schema] = {
    **_fields(_TEXT, "number", "status", "channel", "customer_id"),
    "currency": _CURRENCY,
    **_fields(
        _MONEY, "subtotal_minor", "tax_minor", "shipping_minor", "discount_minor", "total_minor"
    ),
    "promised_delivery_at": _TIME,
    "items": {"type": ["array", "null"], "items": _ITEM},
    "customer": _CUSTOMER,
    **_fields(_ADDRESS, "shipping_address", "billing_address"),
}
_STATUS: Mapping[str, Schema] = {
    **_fields(_TEXT, "from", "to", "reason", "carrier", "tracking_number", "signed_by"),
    **_fields(_INTEGER, "package", "packages"),
}
_PAYMENT: Mapping[str, Schema] = {
    **_fields(_TEXT, "payment_id", "gateway", "card_last4", "method", "refund_id"),
    **_fields(_TEXT, "failure_code", "reason"),
    "currency": _CURRENCY,
    "amount_minor": _MONEY,
    "attempt": _INTEGER,
}
_DISPUTE: Mapping[str, Schema] = {
    **_fields(_TEXT, "payment_id", "dispute_id", "reason", "outcome"),
    "amount_minor": _MONEY,
}
_FULFILLMENT: Mapping[str, Schema] = {
    "warehouse": _TEXT,
    "lines": _INTEGER,
    "weight_g": _NUMBER,
}
_TRACKING = _fields(_TEXT, "carrier", "tracking_number", "location", "code", "description")
_TOTALS = _fields(_MONEY, "total_before_minor", "total_after_minor")
_PRICE: Mapping[str, Schema] = {
    **_fields(_TEXT, "sku", "reason"),
    "qty": _INTEGER,
    **_fields(_object({"unit_price_minor": _MONEY}), "before", "after"),
    **_TOTALS,
}
_QUANTITY: Mapping[str, Schema] = {
    "sku": _TEXT,
    **_fields(_object({"qty": _INTEGER}), "before", "after"),
    **_TOTALS,
}
_ADDRESS_CHANGE: Mapping[str, Schema] = {
    **_fields(_TEXT, "field", "reason"),
    **_fields(_ADDRESS, "before", "after"),
}
_CORRECTION: Mapping[str, Schema] = {
    **_fields(_TEXT, "correction", "field"),
    "patch": _object({}),
    "void": {"type": ["boolean", "null"]},
}

_V1: tuple[tuple[str, str, Mapping[str, Schema]], ...] = (
    ("order", "created updated", _ORDER),
    ("order", "confirmed shipped delivered cancelled closed", _STATUS),
    ("order.status", "changed", _STATUS),
    ("order.payment", "authorized succeeded failed voided refunded", _PAYMENT),
    ("order.payment", "disputed dispute_closed", _DISPUTE),
    ("order.fulfillment", "created packed", _FULFILLMENT),
    ("order.shipment", "in_transit out_for_delivery delivery_failed exception", _TRACKING),
    ("order.item", "price_changed", _PRICE),
    ("order.item", "quantity_changed", _QUANTITY),
    ("order.address", "changed", _ADDRESS_CHANGE),
    ("order.hold", "placed released", {"reason": _TEXT, "risk_score": _NUMBER}),
    ("order.return", "requested approved received", _fields(_TEXT, "rma", "reason", "condition")),
    ("order.note", "added", {"note": _TEXT}),
    ("order", "adjusted", {}),
    ("order.review", "requested answered", {}),
    ("order", "correction", _CORRECTION),
)
_REQUIRED = {"order.status.changed": "to", "order.correction": "correction"}


def _payload(name: str, fields: Mapping[str, Schema]) -> Schema:
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        "type": "object",
        "properties": dict(fields),
    }
    if required := _REQUIRED.get(name):
        schema["required"] = [required]
        schema["properties"][required] = {"type": "string"}
    return schema


_SCHEMAS: Mapping[str, Mapping[str, Schema]] = {
    name: {"v1": _payload(name, fields)}
    for prefix, segments, fields in _V1
    for name in (f"{prefix}.{segment}" for segment in segments.split())
}

CANONICAL: frozenset[str] = frozenset(_SCHEMAS)
"""The types that carry a registered schema."""


def schema(type_: str, version: str) -> Schema | None:
    """The payload's schema of a canonical type in a version; None when there is none."""
    return _SCHEMAS.get(type_, {}).get(version)


def versions(type_: str) -> tuple[str, ...]:
    """The registered versions of a canonical type, oldest first; empty for any other type."""
    return tuple(_SCHEMAS.get(type_, {}))


def is_reserved(type_: str) -> bool:
    """Whether the name belongs to this service alone: no producer may send it."""
    return type_.partition(".")[0] == _RESERVED


def time_fields(of: Schema) -> frozenset[Path]:
    """The fields of a schema that are RFC 3339 times: those with `format: date-time`."""
    return frozenset(path for path, part in _parts(of) if part.get("format") == "date-time")


def pii_marks(of: Schema) -> Mapping[Path, bool]:
    """What a schema says of its fields with `x-pii`: true is personal, false is not."""
    marks = ((path, part.get("x-pii")) for path, part in _parts(of))
    return {path: mark for path, mark in marks if isinstance(mark, bool)}


def _parts(of: Schema, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """The schema and all below its `properties` and `items`, each with the way to its field."""
    yield path, of
    properties, items = of.get("properties"), of.get("items")
    if isinstance(properties, Mapping):
        for name, part in properties.items():
            if isinstance(part, Mapping):
                yield from _parts(part, (*path, name))
    if isinstance(items, Mapping):
        yield from _parts(items, (*path, "*"))
