"""The fields that a query, a list and an aggregation know; one registry for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Literal

from msgspec import Struct

Scope = Literal["event", "order", "payload", "metadata"]
Kind = Literal["text", "integer", "time", "boolean", "any"]


class Field(Struct, frozen=True):
    """A field. name: as in a query.

    scope: `event`: a column of the event; `order`: one of its order, as it is now; `payload`,
    `metadata`: a place in what the producer sent, `path` below it, lists being gone through.
    kind: of its values; `any`: whatever JSON has there. indexed: whether a value of it can be
    looked up; another field needs an indexed condition beside it.
    """

    name: str
    scope: Scope
    kind: Kind
    path: tuple[str, ...] = ()
    indexed: bool = True


def _event(name: str, kind: Kind = "text") -> Field:
    return Field(name, "event", kind)


def _order(name: str, kind: Kind = "text") -> Field:
    return Field(f"order.{name}", "order", kind)


def _payload(kind: Kind, *paths: str) -> list[Field]:
    return [Field(f"payload.{path}", "payload", kind, tuple(path.split("."))) for path in paths]


_TEXTS = (
    "number status channel currency customer_id customer.id items.sku items.name"
    " items.product_type shipping_address.country shipping_address.region billing_address.country"
    " billing_address.region from to carrier tracking_number payment_id gateway card_last4 method"
    " refund_id failure_code dispute_id outcome warehouse location code sku field rma condition"
)
_INTEGERS = (
    "subtotal_minor tax_minor shipping_minor discount_minor total_minor amount_minor items.qty"
    " items.unit_price_minor package packages attempt lines qty before.unit_price_minor"
    " after.unit_price_minor before.qty after.qty total_before_minor total_after_minor"
)

_ALL = (
    _event("type"),
    _event("source"),
    _event("order_id"),
    _event("actor_id"),
    _event("sequence", "integer"),
    _event("occurred_at", "time"),
    _order("status"),
    _order("channel"),
    _order("currency"),
    _order("customer_id"),
    _order("number"),
    _order("sku"),
    _order("total_minor", "integer"),
    _order("on_hold", "boolean"),
    _order("created_at", "time"),
    _order("last_event_at", "time"),
    *_payload("text", *_TEXTS.split()),
    *_payload("integer", *_INTEGERS.split()),
    *_payload("any", "weight_g", "risk_score"),
    *_payload("boolean", "void"),
    *_payload("time", "promised_delivery_at"),
    Field("metadata.correlation_id", "metadata", "text", ("correlation_id",)),
    Field("metadata.causation_id", "metadata", "text", ("causation_id",)),
)
FIELDS: Mapping[str, Field] = {field.name: field for field in _ALL}
"""By name, those that are indexed."""

_OPEN: Mapping[str, Scope] = {"payload": "payload", "metadata": "metadata"}
DEEPEST_PATH = 16
_LONGEST_NAME = 200


def field_named(name: str, *, suggest: bool = True) -> Field:
    """The field; below `payload.` and `metadata.` there is one for every path.

    Raises ValueError that says what is wrong with the name, and, if `suggest`, the nearest that
    there is.
    """
    known = FIELDS.get(name)
    if known is not None:
        return known
    scope, dot, rest = name.partition(".")
    if scope in _OPEN:
        path = tuple(rest.split("."))
        if dot and len(name) <= _LONGEST_NAME and len(path) <= DEEPEST_PATH and all(path):
            return Field(name, _OPEN[scope], "any", path, indexed=False)
        raise ValueError(f"is no path of at most {DEEPEST_PATH} names, such as payload.gateway")
    near = get_close_matches(name[:_LONGEST_NAME], FIELDS, n=1) if suggest else []
    hint = f"; did you mean {near[0]!r}?" if near else "; a payload's begin with 'payload.'"
    raise ValueError(f"is no field here{hint}")
