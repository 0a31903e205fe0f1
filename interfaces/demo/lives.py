"""What happens to orders: the chapters an order's life is put together from.

`ordinary` draws a life; its odds are those of a shop with more trouble than most, so that every
kind of event is found in a sample of a few thousand orders.
"""

from __future__ import annotations

from datetime import timedelta

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


def ordinary(life: Life) -> None:
    """An order from its placing to whatever becomes of it."""
    rng = life.rng
    place(life)
    if rng.random() < 0.07 and not pay_after_failures(life):
        return
    pay(life)
    if rng.random() < 0.04 and not hold(life):
        return
    confirm(life)
    if rng.random() < 0.08:
        change_address(life)
    if rng.random() < 0.06:
        change_items(life)
    if rng.random() < 0.05:
        cancel(life, "changed my mind")
        return
    parcels = 2 if len(life.items) > 2 and rng.random() < 0.3 else 1
    packed, ends = life.clock, []
    for parcel in range(1, parcels + 1):  # each goes its own way, side by side
        life.clock, life.status = packed + timedelta(hours=parcel), "confirmed"
        ship(life, parcel, parcels)
        ends.append(life.clock)
    life.clock = max(ends)
    afterwards(life)


def place(life: Life) -> None:
    """The customer places the order."""
    rng = life.rng
    for sku, name, price in rng.sample(life.shop.goods, rng.choice((1, 1, 2, 3, 4))):
        item = {"sku": sku, "name": name, "qty": rng.choice((1, 1, 1, 2, 3))}
        life.items.append({**item, "unit_price_minor": price})
    life.shipping_minor = rng.choice((0, 490, 990))
    promised = life.clock + timedelta(days=rng.randint(3, 7))
    payload = {
        "number": life.number,
        "status": "pending",
        "channel": rng.choice(life.shop.channels),
        "currency": life.person.currency,
        "subtotal_minor": life.subtotal_minor,
        "tax_minor": life.subtotal_minor // 5,
        "shipping_minor": life.shipping_minor,
        "total_minor": life.total_minor,
        "promised_delivery_at": f"{promised:%Y-%m-%dT17:00:00Z}",
        "items": [dict(item) for item in life.items],
        "customer": life.person.customer,
        "shipping_address": life.person.address,
    }
    life.tell("order.created", "web-shop", life.customer, payload)


def pay_after_failures(life: Life) -> bool:
    """One to three refusals; whether the customer goes on."""
    gateway = life.rng.choice(life.shop.gateways)
    for attempt in range(1, life.rng.randint(1, 3) + 1):
        refusal = life.rng.choice(("insufficient_funds", "expired_card", "do_not_honor"))
        payload = {"payment_id": life.payment_id, "gateway": gateway, "attempt": attempt}
        payload |= {"amount_minor": life.total_minor, "failure_code": refusal}
        life.tell("order.payment.failed", gateway, PAYMENTS, payload)
        life.wait(minutes=2)
    if life.rng.random() < 0.3:
        life.wait(days=1)
        life.become("cancelled", "oms", CHECKOUT, {"reason": "payment was never completed"})
        return False
    return True


def pay(life: Life) -> None:
    """The gateway reserves the sum and then takes it."""
    gateway = life.rng.choice(life.shop.gateways)
    payload = {
        "payment_id": life.payment_id,
        "gateway": gateway,
        "currency": life.person.currency,
        "amount_minor": life.total_minor,
        "method": "card",
        "card_last4": f"{life.rng.randrange(10_000):04}",
    }
    life.tell("order.payment.authorized", gateway, PAYMENTS, payload)
    life.wait(seconds=20)
    life.tell("order.payment.succeeded", gateway, PAYMENTS, payload)


def hold(life: Life) -> bool:
    """The risk engine stops the order until a person looks; whether it goes on."""
    score = life.rng.randint(70, 99)
    payload = {"reason": "unusual delivery address", "risk_score": score}
    life.tell("order.hold.placed", "risk", FRAUD, payload)
    if life.rng.random() < 0.2:
        return False  # nobody has looked yet
    life.wait(hours=2)
    agent = life.rng.choice(AGENTS)
    note = f"Called {life.person.customer['name']}; they confirmed the order."
    life.tell("order.note.added", "backoffice", agent, {"note": note})
    life.tell("order.hold.released", "backoffice", agent, {"reason": "confirmed by telephone"})
    if score > 95:
        cancel(life, "the bank reported the card as stolen")
        return False
    return True


def confirm(life: Life) -> None:
    life.wait(minutes=1)
    life.become("confirmed", "oms", CHECKOUT)


def change_address(life: Life) -> None:
    """The customer moves the delivery; half of the time the first try has a typing mistake, which
    is put right by a patch."""
    life.wait(minutes=30)
    before = {key: life.person.address[key] for key in ("line1", "city")}
    house = life.rng.randint(1, 90)
    after = {**before, "line1": f"c/o Reception, {house} Harbour Street"}
    payload = {"field": "shipping_address", "before": before, "after": after}
    payload["reason"] = "delivery to the office"
    changed = life.tell("order.address.changed", "web-shop", life.customer, payload)
    if life.rng.random() < 0.5:
        life.wait(minutes=20)
        patch = {"after": {"line1": f"c/o Reception, {house + 2} Harbour Street"}}
        correction: Payload = {
            "correction": "the house number was mistyped",
            "field": "after.line1",
        }
        correction |= {"patch": patch}
        life.tell(
            "order.correction",
            "backoffice",
            life.rng.choice(AGENTS),
            correction,
            correction_of=changed,
        )


def change_items(life: Life) -> None:
    """A goodwill price or one piece more, by an agent; now and then for the wrong order, so that
    the change is voided afterwards."""
    agent, item = life.rng.choice(AGENTS), life.rng.choice(life.items)
    life.wait(hours=1)
    total = life.total_minor
    if life.rng.random() < 0.5:
        before = {"unit_price_minor": item["unit_price_minor"]}
        after = {"unit_price_minor": item["unit_price_minor"] * 9 // 10}
        type_, reason = "order.item.price_changed", {"reason": "price match"}
    else:
        before, after = {"qty": item["qty"]}, {"qty": item["qty"] + 1}
        type_, reason = "order.item.quantity_changed", {}
    item.update(after)
    payload = {"sku": item["sku"], "before": before, "after": after, **reason}
    payload |= {"total_before_minor": total, "total_after_minor": life.total_minor}
    changed = life.tell(type_, "backoffice", agent, payload)
    if life.rng.random() < 0.25:
        life.wait(minutes=15)
        item.update(before)
        void = {"correction": "this was meant for another order", "void": True}
        life.tell("order.correction", "backoffice", agent, void, correction_of=changed)


def cancel(life: Life, reason: str) -> None:
    """Cancelled before anything was sent, and the money goes back."""
    life.wait(hours=1)
    life.become("cancelled", "web-shop", life.customer, {"reason": reason})
    refund(life, life.total_minor, "cancelled order")


def refund(life: Life, amount_minor: int, reason: str) -> None:
    life.wait(minutes=5)
    payload = {
        "payment_id": life.payment_id,
        "refund_id": f"re_{life.rng.getrandbits(40):010x}",
        "currency": life.person.currency,
        "amount_minor": amount_minor,
        "reason": reason,
    }
    life.tell("order.payment.refunded", life.shop.gateways[0], PAYMENTS, payload)


def ship(life: Life, parcel: int, parcels: int) -> None:
    """One parcel, from the warehouse to the door. A carrier's scans come late at times, even after
    the delivery that they led to."""
    rng, shop = life.rng, life.shop
    carrier = rng.choice(shop.carriers)
    way = {"carrier": carrier, "tracking_number": f"{shop.prefix}{rng.randrange(10**9):09}{parcel}"}
    life.wait(hours=4)
    packing = {"warehouse": rng.choice(shop.warehouses), "lines": len(life.items)}
    life.tell("order.fulfillment.created", "wms", WAREHOUSE, packing)
    life.wait(hours=2)
    packing["weight_g"] = rng.randint(150, 9000)
    life.tell("order.fulfillment.packed", "wms", WAREHOUSE, packing)
    life.wait(hours=1)
    life.become("shipped", "wms", WAREHOUSE, {**way, "package": parcel, "packages": parcels})
    for stop in range(1, rng.randint(1, 3) + 1):
        life.wait(hours=8)
        late = timedelta(hours=rng.choice((0, 0, 0, 0, 0, 6, 30)))
        scan = {**way, "location": f"HUB-{rng.randint(1, 40):02}", "code": f"IT{stop}"}
        life.tell("order.shipment.in_transit", carrier, CARRIER, scan, late=late)
    if rng.random() < 0.04:
        life.wait(hours=12)
        trouble = {**way, "code": "EX7", "description": "Label damaged, readdressed by hand"}
        life.tell("order.shipment.exception", carrier, CARRIER, trouble)
    life.wait(hours=10)
    life.tell("order.shipment.out_for_delivery", carrier, CARRIER, {**way, "code": "OFD"})
    if rng.random() < 0.08:
        life.wait(hours=5)
        nobody = {**way, "code": "NH1", "description": "Nobody at home, left a card"}
        life.tell("order.shipment.delivery_failed", carrier, CARRIER, nobody)
        life.wait(hours=18)
    life.wait(hours=2)
    signed = {**way, "signed_by": str(life.person.customer["name"]).split()[-1]}
    life.become("delivered", carrier, CARRIER, signed)


def afterwards(life: Life) -> None:
    """What may follow a delivery, and the closing of the books."""
    luck = life.rng.random()
    life.wait(days=2)
    if luck < 0.09:
        give_back(life)
    elif luck < 0.11:
        dispute(life, life.total_minor)
    elif luck < 0.25:
        life.tell("order.review.requested", "crm", CHECKOUT, {"template": "how-was-it"})
        life.wait(days=1)
        answer = {"stars": life.rng.randint(2, 5)}
        life.tell("order.review.answered", "crm", life.customer, answer)
    if life.rng.random() < 0.6:
        life.wait(days=10)
        life.become("closed", "oms", CHECKOUT)


def give_back(life: Life) -> None:
    """A return, from the wish to the refund."""
    item = life.rng.choice(life.items)
    rma = {"rma": f"RMA-{life.number}"}
    reason = life.rng.choice(("too small", "arrived broken", "not what I expected"))
    life.tell("order.return.requested", "web-shop", life.customer, {**rma, "reason": reason})
    life.wait(hours=3)
    life.tell("order.return.approved", "backoffice", life.rng.choice(AGENTS), rma)
    life.wait(days=3)
    condition = life.rng.choice(("unopened", "used", "damaged"))
    life.tell("order.return.received", "wms", WAREHOUSE, {**rma, "condition": condition})
    refund(life, item["unit_price_minor"] * 6 // 5, "returned goods")


def dispute(life: Life, amount_minor: int) -> None:
    """The cardholder's bank takes the money back, and decides some days later."""
    case: Payload = {"payment_id": life.payment_id, "dispute_id": f"dp_{life.number.lower()}"}
    case["amount_minor"] = amount_minor
    gateway = life.shop.gateways[0]
    opened = {**case, "reason": "goods not received"}
    life.tell("order.payment.disputed", gateway, PAYMENTS, opened)
    life.wait(days=4)
    outcome = {**case, "outcome": life.rng.choice(("won", "lost"))}
    life.tell("order.payment.dispute_closed", gateway, PAYMENTS, outcome)
