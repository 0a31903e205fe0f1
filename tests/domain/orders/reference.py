"""A slow second fold, written field by field from the order vocabulary; it shares no code with the
product. Where the product walks the events once and changes a state, this asks for each field of
the state which events say something about it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from domain.orders.state import PastEvent

Told = tuple[PastEvent, dict[str, Any]]
"""An event that counts, and its payload as corrected."""

MONEY = ["subtotal_minor", "tax_minor", "shipping_minor", "discount_minor"]
TEXTS = ["channel", "number", "currency", "promised_delivery_at"]


def reference(
    order_id: str,
    events: Sequence[PastEvent],
    at_us: int | None = None,
    known_us: int | None = None,
    known_sequence: int | None = None,
) -> tuple[dict[str, Any], int, int, tuple[str, ...]] | None:
    """(state, event_sequence, events_applied, late), or None before the first event."""
    arrived = sorted(events, key=lambda e: e.sequence)
    if known_us is not None:
        arrived = [e for e in arrived if e.received_us <= known_us]
    if known_sequence is not None:
        arrived = [e for e in arrived if e.sequence <= known_sequence]
    asked = [e for e in arrived if at_us is None or e.occurred_us <= at_us]
    if not asked:
        return None
    asked.sort(key=lambda e: (e.occurred_us, e.sequence))
    story = []
    for event in asked:
        if event.correction_of is None:
            payload = corrected(event, arrived)
            if payload is not None:
                story.append((event, payload))
    late = [
        event.event_id
        for event in sorted(asked, key=lambda e: e.sequence)
        if any(e.sequence < event.sequence and e.occurred_us > event.occurred_us for e in arrived)
    ]
    state = {"order_id": order_id, **facts(story), "event_count": len(asked)}
    state["first_occurred_at"] = asked[0].occurred_at
    state["last_occurred_at"] = asked[-1].occurred_at
    return state, arrived[-1].sequence, len(asked), tuple(late)


def corrected(event: PastEvent, arrived: Sequence[PastEvent]) -> dict[str, Any] | None:
    """The payload as the last correction that says something leaves it; None: void."""
    deciding = None
    for other in arrived:
        if other.correction_of == event.event_id:
            patch, void = other.payload.get("patch"), other.payload.get("void")
            if (isinstance(patch, dict) and "_sd" not in patch) or void in (True, False):
                deciding = other.payload
    payload = copy.deepcopy(event.payload)
    if deciding is None:
        return payload
    if deciding.get("void") is True:
        return None
    patch = deciding.get("patch")
    if isinstance(patch, dict) and "_sd" not in patch:
        rfc7396(payload, patch)
    return payload


def rfc7396(target: dict[str, Any], patch: dict[str, Any]) -> None:
    for key, given in patch.items():
        value = copy.deepcopy(given)
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict) and "_sd" not in value:
            if not isinstance(target.get(key), dict) or "_sd" in target[key]:
                target[key] = {}
            rfc7396(target[key], value)
        else:
            target[key] = value


def sealed(value: object) -> bool:
    return isinstance(value, dict) and "_sd" in value


def text(value: object) -> Any:
    return value if isinstance(value, str) or sealed(value) else None


def integer(value: object) -> Any:
    return (
        value
        if (isinstance(value, int) and value is not True and value is not False) or sealed(value)
        else None
    )


def number(value: object) -> Any:
    return value if isinstance(value, float) else integer(value)


def last(found: Iterable[Any]) -> Any:
    """The last that is not None."""
    given = [one for one in found if one is not None]
    return given[-1] if given else None


def of(story: Sequence[Told], *types: str) -> list[Told]:
    return [(e, p) for e, p in story if e.type.removeprefix("order.") in types]


def facts(story: Sequence[Told]) -> dict[str, Any]:
    orders = of(story, "created", "updated")
    state: dict[str, Any] = {}
    for name in TEXTS:
        state[name] = last(text(p.get(name)) for _, p in orders)
    for name in MONEY:
        state[name] = last(integer(p.get(name)) for _, p in orders)
    state["status"] = last(status(e, p) for e, p in story)
    state["customer_id"] = last(customer_id(p) for _, p in orders)
    for name in ("customer", "shipping_address", "billing_address"):
        state[name] = part(name, story)
    state["items"], state["total_minor"] = items_and_total(story)
    succeeded, refunds = of(story, "payment.succeeded"), of(story, "payment.refunded")
    state["captured_minor"] = total(p for _, p in succeeded)
    state["refunded_minor"] = total(p for _, p in refunds)
    state["payments"] = grouped(story, "payment.", "payment_id", payment)
    state["shipments"] = grouped(story, "", "tracking_number", shipment)
    packing = of(story, "fulfillment.created", "fulfillment.packed")
    state["fulfillment"] = without_none(
        {
            "status": last(e.type.split(".")[2] for e, _ in packing),
            "warehouse": last(text(p.get("warehouse")) for _, p in packing),
            "lines": last(integer(p.get("lines")) for _, p in packing),
            "weight_g": last(number(p.get("weight_g")) for _, p in packing),
        }
    )
    state["returns"] = returns(story)
    state["on_hold"], state["hold_reason"] = hold(story)
    state["delivered_at"] = last(e.occurred_at for e, _ in of(story, "delivered"))
    return state


def without_none(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None}


def status(event: PastEvent, payload: dict[str, Any]) -> Any:
    kind = event.type.removeprefix("order.")
    given, to = text(payload.get("status")), text(payload.get("to"))
    if kind == "created":
        return "pending" if given is None else given
    if kind == "updated":
        return given
    if kind in ("confirmed", "shipped", "delivered", "cancelled", "closed"):
        return kind if to is None else to
    return to if kind == "status.changed" else None


def customer_id(payload: dict[str, Any]) -> Any:
    alone, customer = text(payload.get("customer_id")), payload.get("customer")
    if alone is None and isinstance(customer, dict):
        return text(customer.get("id"))
    return alone


def part(name: str, story: Sequence[Told]) -> dict[str, Any]:
    """The customer or an address: field by field, a sealed one as a whole."""
    whole: dict[str, Any] = {}
    for event, payload in story:
        given = None
        if event.type in ("order.created", "order.updated"):
            given = payload.get(name)
        elif event.type == "order.address.changed" and name != "customer":
            given = payload.get("after") if payload.get("field") == name else None
        if not isinstance(given, dict):
            continue
        if sealed(given) or sealed(whole):
            whole = {}
        whole = {**whole, **without_none(given)}
    return whole


def items_and_total(story: Sequence[Told]) -> tuple[Any, Any]:
    items: Any = []
    amount = None
    fields = {"order.item.price_changed": "unit_price_minor", "order.item.quantity_changed": "qty"}
    for event, payload in story:
        if event.type in ("order.created", "order.updated"):
            given = payload.get("items")
            if isinstance(given, list) or sealed(given):
                items = copy.deepcopy(given)
            amount = last([amount, integer(payload.get("total_minor"))])
        elif event.type in fields:
            amount = last([amount, integer(payload.get("total_after_minor"))])
            change(items, payload, fields[event.type])
    return items, amount


def change(items: Any, payload: dict[str, Any], field: str) -> None:
    sku, before, after = (payload.get(name) for name in ("sku", "before", "after"))
    if not isinstance(sku, str) or not isinstance(after, dict) or not isinstance(items, list):
        return
    new = integer(after.get(field))
    candidates = [i for i in items if isinstance(i, dict) and i.get("sku") == sku]
    if isinstance(before, dict) and before.get(field) is not None:
        candidates.sort(key=lambda item: item.get(field) != before[field])
    if candidates and new is not None:
        candidates[0][field] = new


def total(payloads: Iterable[dict[str, Any]]) -> int:
    amounts = [p.get("amount_minor") for p in payloads]
    return sum(a for a in amounts if isinstance(a, int) and not isinstance(a, bool))


def grouped(
    story: Sequence[Told],
    kind: str,
    key: str,
    make: Callable[[str, list[Told]], dict[str, Any]],
) -> dict[str, Any]:
    groups: dict[str, list[Told]] = {}
    for event, payload in story:
        types = ("order.shipment.", "order.shipped", "order.delivered")
        if event.type.startswith("order.payment." if kind else types):
            value = payload.get(key)
            if isinstance(value, str):
                groups.setdefault(value, []).append((event, payload))
    return {value: make(value, told) for value, told in groups.items()}


def payment(payment_id: str, told: list[Told]) -> dict[str, Any]:
    disputes = ("payment.disputed", "payment.dispute_closed")
    own = [(e, p) for e, p in told if e.type.removeprefix("order.") not in disputes]
    paid = [(e, p) for e, p in own if e.type != "order.payment.refunded"]
    entry = {
        "payment_id": payment_id,
        "status": last(e.type.split(".")[2] for e, _ in own),
        "amount_minor": last(integer(p.get("amount_minor")) for _, p in paid),
        "attempt": last(integer(p.get("attempt")) for _, p in own),
    }
    texts = "gateway currency card_last4 method refund_id failure_code reason"
    for name in texts.split():
        entry[name] = last(text(p.get(name)) for _, p in own)
    for name, kind in (("captured_minor", "succeeded"), ("refunded_minor", "refunded")):
        of_kind = [p for _, p in of(told, f"payment.{kind}")]
        if any(type(p.get("amount_minor")) is int for p in of_kind):
            entry[name] = total(of_kind)
    entry["dispute"] = dispute(of(told, *disputes))
    return without_none(entry)


def dispute(told: list[Told]) -> dict[str, Any] | None:
    if not told:
        return None
    opened = [n for n, (e, _) in enumerate(told) if e.type == "order.payment.disputed"]
    current = told[opened[-1] :] if opened else told
    last_event = current[-1][0]
    entry = {"status": "open" if last_event.type == "order.payment.disputed" else "closed"}
    for name in ("dispute_id", "reason", "outcome"):
        entry[name] = last(text(p.get(name)) for _, p in current)
    entry["amount_minor"] = last(integer(p.get("amount_minor")) for _, p in current)
    return without_none(entry)


def shipment(tracking_number: str, told: list[Told]) -> dict[str, Any]:
    entry = {"tracking_number": tracking_number, "status": told[-1][0].type.split(".")[-1]}
    for name in ("carrier", "signed_by", "code", "location"):
        entry[name] = last(text(p.get(name)) for _, p in told)
    for name in ("package", "packages"):
        entry[name] = last(integer(p.get(name)) for _, p in told)
    return without_none(entry)


def returns(story: Sequence[Told]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for event, payload in of(story, "return.requested", "return.approved", "return.received"):
        key = payload.get("rma")
        if not isinstance(key, str):
            key = event.event_id
            if event.type != "order.return.requested":
                nameless = [k for k in entries if "rma" not in entries[k]]
                key = last([key, *nameless])
        said = {name: text(payload.get(name)) for name in ("rma", "reason", "condition")}
        said["status"] = event.type.split(".")[2]
        entries[key] = {**entries.get(key, {}), **without_none(said)}
    return entries


def hold(story: Sequence[Told]) -> tuple[bool, Any]:
    told = of(story, "hold.placed", "hold.released")
    ends = [n for n, (e, _) in enumerate(told) if e.type == "order.hold.released"]
    standing = told[ends[-1] + 1 :] if ends else told
    return bool(standing), last(text(p.get("reason")) for _, p in standing)
