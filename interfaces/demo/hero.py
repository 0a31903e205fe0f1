"""The order that the printed tour looks at: everything that an auditor asks about, in three weeks.

It lives in both shops under the same id, which shows that tenants never meet.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from interfaces.demo.life import (
    AGENTS,
    CARRIER,
    CHECKOUT,
    FRAUD,
    PAYMENTS,
    WAREHOUSE,
    Life,
    Payload,
)
from interfaces.demo.lives import refund

ORDER_ID = "ord_demo_1"
EMAIL = "nils.sjogren.0@example.com"
"""Of its customer in the first shop, as the sample makes persons up."""
BEGAN = timedelta(days=21)
"""How long before the sample's end the order was placed."""
BETWEEN_THE_PARCELS = timedelta(days=5)
"""After the placing: one parcel has come, the other has not; a moment worth asking about."""


def hero(life: Life) -> None:
    """Placed, paid, address corrected, price changed, sent in two parcels, one of them late, some
    money back, and a dispute in the end."""
    start = life.clock
    _placed(life)
    life.clock = start + timedelta(hours=2)
    _address_put_right(life)
    life.clock = start + timedelta(hours=5)
    _price_match(life)
    life.clock = start + timedelta(days=1)
    tracking = [f"{life.shop.prefix}70041700{parcel}" for parcel in (1, 2)]
    _sent(life, tracking)
    _first_parcel(life, start, tracking[0])
    _second_parcel(life, start, tracking[1])
    life.clock = start + timedelta(days=10)
    _made_good(life, start)


def _placed(life: Life) -> None:
    for (sku, name, price), qty in zip(life.shop.goods[:3], (1, 1, 2), strict=True):
        life.items.append({"sku": sku, "name": name, "qty": qty, "unit_price_minor": price})
    life.shipping_minor = 990
    payload = {
        "number": life.number,
        "status": "pending",
        "channel": "web",
        "currency": life.person.currency,
        "subtotal_minor": life.subtotal_minor,
        "tax_minor": life.subtotal_minor // 5,
        "shipping_minor": life.shipping_minor,
        "total_minor": life.total_minor,
        "promised_delivery_at": f"{life.clock + timedelta(days=6):%Y-%m-%dT17:00:00Z}",
        "items": [dict(item) for item in life.items],
        "customer": life.person.customer,
        "shipping_address": life.person.address,
    }
    life.tell("order.created", "web-shop", life.customer, payload)
    money: Payload = {"payment_id": life.payment_id, "gateway": "cardhouse", "method": "card"}
    money |= {"currency": life.person.currency, "amount_minor": life.total_minor}
    refused = {**money, "attempt": 1, "failure_code": "insufficient_funds"}
    life.tell("order.payment.failed", "cardhouse", PAYMENTS, refused)
    money |= {"card_last4": "0417"}
    life.tell("order.payment.authorized", "cardhouse", PAYMENTS, money)
    life.tell("order.payment.succeeded", "cardhouse", PAYMENTS, money)
    risk = {"reason": "first order, high value", "risk_score": 74}
    life.tell("order.hold.placed", "risk", FRAUD, risk)
    life.tell("order.hold.released", "backoffice", AGENTS[0], {"reason": "papers are in order"})
    life.become("confirmed", "oms", CHECKOUT)


def _address_put_right(life: Life) -> None:
    before = {"line1": life.person.address["line1"]}
    change = {"field": "shipping_address", "before": before}
    change |= {"after": {"line1": "18 Quay Street"}, "reason": "moving house this week"}
    changed = life.tell("order.address.changed", "web-shop", life.customer, change)
    life.clock += timedelta(minutes=40)
    payload = {
        "correction": "The customer rang: it is number 81.",
        "field": "after.line1",
        "patch": {"after": {"line1": "81 Quay Street"}},
    }
    life.tell("order.correction", "backoffice", AGENTS[1], payload, correction_of=changed)


def _price_match(life: Life) -> None:
    """Twice: the first change was typed into the wrong line, and is voided."""
    for item, voided in ((life.items[1], True), (life.items[0], False)):
        total, price = life.total_minor, item["unit_price_minor"]
        item["unit_price_minor"] = price - 500
        payload = {"sku": item["sku"], "before": {"unit_price_minor": price}}
        payload |= {"after": {"unit_price_minor": price - 500}, "reason": "price match"}
        payload |= {"total_before_minor": total, "total_after_minor": life.total_minor}
        changed = life.tell("order.item.price_changed", "backoffice", AGENTS[2], payload)
        if voided:
            item["unit_price_minor"] = price
            void = {"correction": "Wrong line of the order.", "void": True}
            life.tell("order.correction", "backoffice", AGENTS[2], void, correction_of=changed)


def _sent(life: Life, tracking: list[str]) -> None:
    packing = {"warehouse": life.shop.warehouses[0], "lines": 3}
    life.tell("order.fulfillment.created", "wms", WAREHOUSE, packing)
    life.tell("order.fulfillment.packed", "wms", WAREHOUSE, {**packing, "weight_g": 6400})
    for parcel, number in enumerate(tracking, start=1):
        way = {"carrier": life.shop.carriers[0], "tracking_number": number}
        life.become("shipped", "wms", WAREHOUSE, {**way, "package": parcel, "packages": 2})


def _first_parcel(life: Life, start: datetime, tracking: str) -> None:
    carrier = life.shop.carriers[0]
    way = {"carrier": carrier, "tracking_number": tracking}
    life.clock = start + timedelta(days=2)
    scan = {**way, "location": "HUB-07", "code": "IT1"}
    # This scanner was out of reach: its line comes a day after the parcel did.
    life.tell("order.shipment.in_transit", carrier, CARRIER, scan, late=timedelta(days=2))
    life.clock = start + timedelta(days=3)
    life.tell("order.shipment.out_for_delivery", carrier, CARRIER, {**way, "code": "OFD"})
    life.clock += timedelta(hours=3)
    life.become("delivered", carrier, CARRIER, {**way, "signed_by": "R. Quayle"})


def _second_parcel(life: Life, start: datetime, tracking: str) -> None:
    carrier = life.shop.carriers[0]
    way = {"carrier": carrier, "tracking_number": tracking}
    life.clock = start + timedelta(days=4)
    wet = {**way, "code": "EX2", "location": "HUB-11", "description": "Held up by flooding"}
    life.tell("order.shipment.exception", carrier, CARRIER, wet)
    life.clock = start + timedelta(days=6)
    asked = {"note": "Customer asks where the second parcel is. Promised to look into it."}
    life.tell("order.note.added", "backoffice", AGENTS[3], asked)
    life.clock = start + timedelta(days=8)
    scan = {**way, "location": "HUB-12", "code": "IT2"}
    life.tell("order.shipment.in_transit", carrier, CARRIER, scan)
    life.clock = start + timedelta(days=9)
    life.become("delivered", carrier, CARRIER, {**way, "signed_by": "R. Quayle"})


def _made_good(life: Life, start: datetime) -> None:
    refund(life, life.shipping_minor, "the second parcel came three days late")
    life.clock = start + timedelta(days=13)
    case: Payload = {"payment_id": life.payment_id, "dispute_id": f"dp_{life.number.lower()}"}
    case |= {"amount_minor": life.items[1]["unit_price_minor"]}
    claim = {**case, "reason": "cardholder says one item never came"}
    life.tell("order.payment.disputed", "cardhouse", PAYMENTS, claim)
    life.clock = start + timedelta(days=17)
    closed = {**case, "outcome": "won", "reason": "signed delivery of both parcels"}
    life.tell("order.payment.dispute_closed", "cardhouse", PAYMENTS, closed)
    life.clock = start + timedelta(days=19)
    life.become("closed", "oms", CHECKOUT)
