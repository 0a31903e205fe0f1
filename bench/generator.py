"""Events of eight tenants over two years, as many as wanted: drawn at random, the same each time.

The largest tenant has 35 %. An order lives for days, its events coming in between those of others.
Personal values are digests whose disclosures are gone: finding is measured, not revealing.
"""

from __future__ import annotations

import heapq
import random
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from domain.orders.events import Content, Draft
from domain.privacy.sealing import TOPIC, draft_of, originator
from domain.times import SECOND, format_us

TENANTS = {"huge": 35, "large": 20, "mid-a": 15, "mid-b": 10, "mid-c": 8, "small-a": 6,
           "small-b": 4, "tiny": 2}  # fmt: skip
"""Percent of the events."""

BEGAN_US = 1_704_067_200 * SECOND
"""2024-01-01."""
SPAN_S = 2 * 365 * 86_400
PER_ORDER = 10.6
"""Events, on average."""

_CURRENCIES = ("EUR", "USD", "GBP", "JPY", "BRL", "INR", "PLN", "SEK")
_CHANNELS = ("web", "app", "pos", "marketplace", "phone")
_SHOPS = ("shop-web", "shop-app", "till", "bazaar")
_CARRIERS = ("dhl", "ups", "gls", "royalmail", "correios")
_GATEWAYS = ("adyen", "stripe", "paypal")
CODES = ("insufficient_funds", "expired_card", "do_not_honor", "fraud_suspected", "timeout")
WORDS = ("red", "blue", "green", "large", "small", "cotton", "steel", "wooden", "soft", "light")
NOUNS = ("lamp", "chair", "jacket", "kettle", "notebook", "lantern", "blanket", "bottle")
_SKUS = 20_000
_encode = msgspec.json.Encoder(order="sorted").encode


class _Pending(Struct, order=True):
    """What is still to happen to an order."""

    second: float
    number: int
    tenant: str
    step: int
    life: _Life


class _Life(Struct):
    order_id: str
    customer: str
    currency: str
    total: int
    carrier: str
    gateway: str
    steps: list[str]


def drafts(count: int, seed: int = 1, shares: Mapping[str, int] = TENANTS) -> Iterator[Draft]:
    """So many drafts, in the order in which they arrive. shares: of each tenant, in percent."""
    chance = random.Random(seed)
    waiting: list[_Pending] = []
    orders = max(1, round(count / PER_ORDER))
    tenants, weights = list(shares), list(shares.values())
    made = number = 0
    while made < count:
        begins = SPAN_S * number / orders
        if not waiting or begins <= waiting[0].second:
            tenant = chance.choices(tenants, weights)[0]
            life = _life(chance, tenant, number)
            heapq.heappush(waiting, _Pending(begins, number, tenant, 0, life))
            number += 1
            continue
        one = heapq.heappop(waiting)
        yield _draft(chance, one, made)
        made += 1
        if one.step + 1 < len(one.life.steps):
            one.second += chance.expovariate(1 / 40_000)
            one.step += 1
            heapq.heappush(waiting, one)


def _life(chance: random.Random, tenant: str, number: int) -> _Life:
    steps = ["order.created", "order.payment.authorized", "order.confirmed"]
    if chance.random() < 0.08:
        steps.append("order.payment.failed")
    steps += ["order.payment.succeeded", "order.fulfillment.created", "order.fulfillment.packed"]
    if chance.random() < 0.06:
        return _made(chance, tenant, number, [*steps[:4], "order.cancelled"])
    if chance.random() < 0.05:
        steps.append("order.item.price_changed")
    steps.append("order.shipped")
    steps += ["order.shipment.in_transit"] * chance.randrange(1, 5)
    if chance.random() < 0.04:
        steps.append("order.shipment.delivery_failed")
    steps += ["order.shipment.out_for_delivery", "order.delivered"]
    if chance.random() < 0.07:
        steps += ["order.return.requested", "order.payment.refunded"]
    return _made(chance, tenant, number, steps)


def _made(chance: random.Random, tenant: str, number: int, steps: list[str]) -> _Life:
    return _Life(
        order_id=f"ord_{number:08x}",
        customer=f"cust_{int(chance.paretovariate(0.6)) % 500_000:06}",
        currency=_CURRENCIES[(len(tenant) + (chance.random() < 0.1)) % len(_CURRENCIES)],
        total=int(chance.lognormvariate(8.5, 1)),
        carrier=chance.choice(_CARRIERS),
        gateway=chance.choice(_GATEWAYS),
        steps=steps,
    )


def _draft(chance: random.Random, one: _Pending, number: int) -> Draft:
    life, type_ = one.life, one.life.steps[one.step]
    source, actor, payload = _said(chance, one, type_)
    metadata = {"actor_id": actor, "correlation_id": f"corr-{one.number:x}"}
    content = Content(
        tenant_id=one.tenant,
        event_id=f"evt_{number:09x}",
        order_id=life.order_id,
        stream=None,
        occurred_at=format_us(BEGAN_US + int(one.second * SECOND)),
        source=source,
        type=type_,
        schema_version="v1",
        payload=_encode(payload),
        metadata=_encode(metadata),
        redactions=None,
        correction_of=None,
        salt=_random(chance, 16),
    )
    return draft_of(content, (), originator(one.tenant, life.order_id), TOPIC)


def _said(chance: random.Random, one: _Pending, type_: str) -> tuple[str, str, dict[str, Any]]:
    """The source, the actor and the payload."""
    life = one.life
    kind = type_.split(".")[1]
    if kind == "created":
        return chance.choice(_SHOPS), life.customer, _created(chance, one)
    if kind == "payment":
        payload = {
            "payment_id": f"pay_{one.number:08x}",
            "gateway": life.gateway,
            "amount_minor": life.total,
            "currency": life.currency,
        }
        if type_.endswith("failed"):
            payload["failure_code"] = chance.choices(CODES, (50, 20, 15, 10, 5))[0]
        if type_.endswith("refunded"):
            payload["refund_id"] = f"re_{one.number:08x}"
        return life.gateway, "svc_payments", payload
    if kind == "fulfillment":
        warehouse = {"warehouse": f"wh-{one.number % 6}", "weight_g": chance.randrange(100, 9_000)}
        return "wms", f"picker_{chance.randrange(400):03}", warehouse
    if kind in {"shipped", "shipment", "delivered"}:
        place = f"HUB-{chance.randrange(60):02}"
        tracked = {"carrier": life.carrier, "tracking_number": _tracking(one), "location": place}
        return life.carrier, "svc_carrier", tracked
    if kind == "item":
        after = int(life.total * 0.9)
        change = {"sku": _sku(chance), "total_before_minor": life.total, "total_after_minor": after}
        return "oms", f"agent_{chance.randrange(120):03}", change
    if kind == "return":
        return "oms", life.customer, {"rma": f"RMA-{one.number:07}", "condition": "used"}
    return "oms", "svc_order", {"from": "pending", "to": kind}


def _created(chance: random.Random, one: _Pending) -> dict[str, Any]:
    items = [
        {
            "sku": _sku(chance),
            "name": f"{chance.choice(WORDS)} {chance.choice(NOUNS)} {chance.randrange(4_000)}",
            "qty": chance.randrange(1, 4),
            "unit_price_minor": chance.randrange(100, 20_000),
        }
        for _ in range(chance.randrange(1, 4))
    ]
    person = {name: {"_sd": _random(chance, 32)} for name in ("email", "name", "phone")}
    address = {name: {"_sd": _random(chance, 32)} for name in ("line1", "city", "postal_code")}
    return {
        "number": f"{one.tenant[:3].upper()}-{one.number:07}",
        "channel": chance.choice(_CHANNELS),
        "currency": one.life.currency,
        "total_minor": one.life.total,
        "items": items,
        "customer": {"id": one.life.customer, **person},
        "shipping_address": {"country": "DE", **address},
    }


def _sku(chance: random.Random) -> str:
    return f"SKU-{int(chance.paretovariate(0.5)) % _SKUS:05}"


def _tracking(one: _Pending) -> str:
    return f"1Z{one.number * 7_919 % 10**9:09}T{one.number % 10}"


def _random(chance: random.Random, count: int) -> str:
    return urlsafe_b64encode(chance.randbytes(count)).rstrip(b"=").decode()
