"""What each canonical event does to an order's state: the effect table of the vocabulary.

A state is plain JSON. It shares nothing with the payloads it was made from. Payloads are taken as
they come: a field that is null, missing or of the wrong type (a correction's patch is free) is
absent. A personal value is a sealed placeholder (`domain.orders.merging`), taken like any value.

Whoever changes an effect empties the table of the framework's snapshots: they hold its results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from domain.orders.merging import copied, is_sealed

State = dict[str, Any]
Effect = Callable[[State, "PastEvent"], None]


class PastEvent(Struct, frozen=True, gc=False):
    """An event of one order as the fold needs it. `correction_of`: the original's event_id."""

    sequence: int
    version: int
    event_id: str
    type: str
    occurred_at: str
    occurred_us: int
    received_us: int
    payload: dict[str, Any]
    correction_of: str | None = None


def empty_state(order_id: str) -> State:
    """The state of an order of which nothing is known."""
    return {
        "order_id": order_id,
        **{name: None for name, _ in _ORDER},
        "captured_minor": 0,
        "refunded_minor": 0,
        **{part: {} for part in _PARTS},
        "items": [],
        "payments": {},
        "shipments": {},
        "fulfillment": {},
        "returns": {},
        "on_hold": False,
        "hold_reason": None,
        "delivered_at": None,
        "first_occurred_at": None,
        "last_occurred_at": None,
        "event_count": 0,
    }


def apply(state: State, event: PastEvent) -> None:
    """Change the state as the event says; an event of a type without effect changes nothing.

    `first_occurred_at`, `last_occurred_at` and `event_count` are the fold's.
    """
    if effect := EFFECTS.get(event.type):
        effect(state, event)


# -- reading payloads, writing parts of a state ---------------------------------------------------

Kind = tuple[type, ...]
Fields = tuple[tuple[str, Kind], ...]

_TEXT: Kind = (str,)
_INT: Kind = (int,)
_NUMBER: Kind = (int, float)


def _of(kind: Kind, *names: str) -> Fields:
    return tuple((name, kind) for name in names)


def _take(part: State, payload: Mapping[str, Any], fields: Fields) -> None:
    """Set what is given: of its kind (exactly: true is no integer) or sealed."""
    for name, kind in fields:
        value = payload.get(name)
        if value is not None and (type(value) in kind or is_sealed(value)):
            part[name] = copied(value)


def _merge(state: State, name: str, value: Any) -> None:
    """Field by field; nulls leave what is there."""
    if is_sealed(value):
        state[name] = copied(value)
    elif type(value) is dict:
        if is_sealed(state[name]):
            state[name] = {}
        state[name].update((key, copied(x)) for key, x in value.items() if x is not None)


def _entry(state: State, entries: str, event: PastEvent, name: str) -> State:
    """The entry that the event names, made if need be. An event that names none (or whose name
    is sealed) gets a throw-away: it changes no entry."""
    key = event.payload.get(name)
    entry: State = state[entries].setdefault(key, {name: key}) if type(key) is str else {}
    return entry


def _last_segment(event: PastEvent) -> str:
    return event.type.rpartition(".")[2]


# -- the effects ----------------------------------------------------------------------------------

_ORDER: Fields = (
    *_of(_TEXT, "number", "status", "channel", "currency", "customer_id", "promised_delivery_at"),
    *_of(_INT, "subtotal_minor", "tax_minor", "shipping_minor", "discount_minor", "total_minor"),
    *_of((list,), "items"),
)
_ADDRESSES = ("shipping_address", "billing_address")
_PARTS = ("customer", *_ADDRESSES)
_SHIPMENT: Fields = (
    *_of(_TEXT, "carrier", "signed_by", "code", "location"),
    *_of(_INT, "package", "packages"),
)
_REFUND: Fields = (
    *_of(_TEXT, "gateway", "currency", "card_last4", "method", "refund_id"),
    *_of(_TEXT, "failure_code", "reason"),
    *_of(_INT, "attempt"),
)
_AMOUNT = _of(_INT, "amount_minor")
_PAYMENT = _REFUND + _AMOUNT
_DISPUTE = _of(_TEXT, "dispute_id", "reason", "outcome") + _AMOUNT
_FULFILLMENT: Fields = (("warehouse", _TEXT), ("lines", _INT), ("weight_g", _NUMBER))
_RETURN = _of(_TEXT, "rma", "reason", "condition")


def _created(state: State, event: PastEvent) -> None:
    state["status"] = "pending"
    _updated(state, event)


def _updated(state: State, event: PastEvent) -> None:
    payload = event.payload
    customer = payload.get("customer")
    if type(customer) is dict:
        _take(state, {"customer_id": customer.get("id")}, _of(_TEXT, "customer_id"))
    _take(state, payload, _ORDER)
    for part in _PARTS:
        _merge(state, part, payload.get(part))


def _status(state: State, event: PastEvent) -> None:
    state["status"] = _last_segment(event)
    _status_changed(state, event)


def _status_changed(state: State, event: PastEvent) -> None:
    _take(state, {"status": event.payload.get("to")}, _of(_TEXT, "status"))


def _shipped(state: State, event: PastEvent) -> None:
    _status(state, event)
    _shipment(state, event)


def _delivered(state: State, event: PastEvent) -> None:
    _shipped(state, event)
    state["delivered_at"] = event.occurred_at


def _shipment(state: State, event: PastEvent) -> None:
    shipment = _entry(state, "shipments", event, "tracking_number")
    shipment["status"] = _last_segment(event)
    _take(shipment, event.payload, _SHIPMENT)


def _payment(state: State, event: PastEvent) -> None:
    payment = _entry(state, "payments", event, "payment_id")
    payment["status"] = _last_segment(event)
    _take(payment, event.payload, _PAYMENT)


def _succeeded(state: State, event: PastEvent) -> None:
    _payment(state, event)
    _add_amount(state, event, "captured_minor")


def _refunded(state: State, event: PastEvent) -> None:
    """A refund's amount is its own: the payment keeps the amount that was paid."""
    payment = _entry(state, "payments", event, "payment_id")
    payment["status"] = "refunded"
    _take(payment, event.payload, _REFUND)
    _add_amount(state, event, "refunded_minor")


def _add_amount(state: State, event: PastEvent, total: str) -> None:
    """To the order's sum and to the payment's. A sealed amount cannot be added."""
    amount = event.payload.get("amount_minor")
    if type(amount) is int:
        payment = _entry(state, "payments", event, "payment_id")
        payment[total] = payment.get(total, 0) + amount
        state[total] += amount


def _disputed(state: State, event: PastEvent) -> None:
    dispute: State = {"status": "open"}
    _entry(state, "payments", event, "payment_id")["dispute"] = dispute
    _take(dispute, event.payload, _DISPUTE)


def _dispute_closed(state: State, event: PastEvent) -> None:
    dispute = _entry(state, "payments", event, "payment_id").setdefault("dispute", {})
    dispute["status"] = "closed"
    _take(dispute, event.payload, _DISPUTE)


def _fulfillment(state: State, event: PastEvent) -> None:
    state["fulfillment"]["status"] = _last_segment(event)
    _take(state["fulfillment"], event.payload, _FULFILLMENT)


def _item_changed(field: str) -> Effect:
    """Of several lines of the sku it is the first that has the value `before`, else the first."""

    def effect(state: State, event: PastEvent) -> None:
        payload, items = event.payload, state["items"]
        total = {"total_minor": payload.get("total_after_minor")}
        _take(state, total, _of(_INT, "total_minor"))
        before, after, sku = payload.get("before"), payload.get("after"), payload.get("sku")
        if type(after) is not dict or type(sku) is not str or type(items) is not list:
            return
        lines = [line for line in items if type(line) is dict and line.get("sku") == sku]
        was = before.get(field) if type(before) is dict else None
        same = [line for line in lines if was is not None and line.get(field) == was]
        for line in (same or lines)[:1]:
            _take(line, after, _of(_INT, field))

    return effect


def _address_changed(state: State, event: PastEvent) -> None:
    field = event.payload.get("field")
    if field in _ADDRESSES:
        _merge(state, field, event.payload.get("after"))


def _hold_placed(state: State, event: PastEvent) -> None:
    state["on_hold"] = True
    _take(state, {"hold_reason": event.payload.get("reason")}, _of(_TEXT, "hold_reason"))


def _hold_released(state: State, _event: PastEvent) -> None:
    state["on_hold"], state["hold_reason"] = False, None


def _return(state: State, event: PastEvent) -> None:
    """By rma, else by the requesting event's id: a later step without an rma follows the latest
    request that had none."""
    key = event.payload.get("rma")
    if type(key) is not str:
        open_requests = [key for key, entry in state["returns"].items() if "rma" not in entry]
        follows = event.type != "order.return.requested" and open_requests
        key = open_requests[-1] if follows else event.event_id
    entry = state["returns"].setdefault(key, {})
    entry["status"] = _last_segment(event)
    _take(entry, event.payload, _RETURN)


EFFECTS: Mapping[str, Effect] = {
    "order.created": _created,
    "order.updated": _updated,
    "order.confirmed": _status,
    "order.shipped": _shipped,
    "order.delivered": _delivered,
    "order.cancelled": _status,
    "order.closed": _status,
    "order.status.changed": _status_changed,
    "order.payment.authorized": _payment,
    "order.payment.succeeded": _succeeded,
    "order.payment.failed": _payment,
    "order.payment.voided": _payment,
    "order.payment.refunded": _refunded,
    "order.payment.disputed": _disputed,
    "order.payment.dispute_closed": _dispute_closed,
    "order.fulfillment.created": _fulfillment,
    "order.fulfillment.packed": _fulfillment,
    "order.shipment.in_transit": _shipment,
    "order.shipment.out_for_delivery": _shipment,
    "order.shipment.delivery_failed": _shipment,
    "order.shipment.exception": _shipment,
    "order.item.price_changed": _item_changed("unit_price_minor"),
    "order.item.quantity_changed": _item_changed("qty"),
    "order.address.changed": _address_changed,
    "order.hold.placed": _hold_placed,
    "order.hold.released": _hold_released,
    "order.return.requested": _return,
    "order.return.approved": _return,
    "order.return.received": _return,
}
"""The types that change the state; all others are counted and shown."""
