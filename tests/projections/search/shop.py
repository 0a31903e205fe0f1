"""Orders of a shop, drawn at random, and its events by the reference."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.projections.filling import START_US, Fact
from tests.projections.search.reference import Event, Sent, history

Json = Any


def told(facts: list[Fact], tenant: str, personal: dict[str, str]) -> list[Event]:
    """The tenant's events, each with its order as all of them make it."""
    own = [fact for fact in facts if fact.tenant == tenant]
    return history([_sent(fact) for fact in own], personal)


def _sent(fact: Fact) -> Sent:
    at = START_US + fact.at * 1_000_000
    return Sent(fact.type, fact.source, fact.order_id, at, fact.payload, fact.metadata or {})


def shop(orders: int, seed: int) -> tuple[list[Fact], dict[str, str]]:
    """Events of two tenants as they arrive; and of each digest the personal value behind it."""
    draw = Random(seed)
    personal: dict[str, str] = {}
    facts = [fact for number in range(orders) for fact in _life(draw, number, personal)]
    return sorted(facts, key=lambda fact: fact.at + draw.expovariate(1 / 50_000)), personal


def _life(draw: Random, number: int, personal: dict[str, str]) -> Iterator[Fact]:
    tenant, order = draw.choice(("acme", "acme", "other")), f"Ord-{number:05}"
    at = draw.randrange(40 * 86_400)
    currency = draw.choice(("EUR", "GBP", "JPY"))
    price = draw.choice((99, 500, 12_000))
    items = [
        {"sku": f"SKU-{draw.randrange(60):03}", "name": draw.choice(NAMES), "qty": draw.choice(QTY)}
        for _ in range(draw.randrange(1, 4))
    ]
    actor = {"actor_id": f"cust_{number % 50}", "correlation_id": f"corr-{number % 90}"}
    yield Fact(
        order,
        "order.created",
        {
            "number": f"MAG-{number:06}",
            "channel": draw.choice(("web", "app", "Großhandel")),
            "currency": currency,
            "total_minor": price,
            "customer": {
                "id": f"cust_{number % 50}",
                "email": _sealed(f"User{number % 50}@Example.com", personal),
                "phone": _sealed(f"+49 170 00{number % 50:05}", personal),
            },
            "items": items,
            "promised_delivery_at": f"2025-02-{number % 28 + 1:02}T10:00:00.5Z",
            "gift": {"wrap": draw.choice((True, False, None, "red ribbon", 3))},
        },
        at,
        tenant,
        None,
        None,
        draw.choice(("shop", "till")),
        actor,
    )
    for step in range(draw.randrange(8)):
        yield _step(draw, order, tenant, at + step * draw.randrange(1, 30_000), currency, price)
    if number % 40 == 0:
        yield Fact(None, "history.export.made", {"note": "blue"}, at, tenant)


def _step(draw: Random, order: str, tenant: str, at: int, currency: str, price: int) -> Fact:
    payment = {
        "payment_id": f"pay_{draw.randrange(10**6):06}",
        "gateway": draw.choice(("stripe", "adyen", "wire")),
        "amount_minor": draw.choice((price, price // 2, 0)),
        **({"currency": currency} if draw.random() < 0.8 else {}),
    }
    choices: list[tuple[str, dict[str, Json]]] = [
        ("order.payment.succeeded", payment),
        ("order.payment.failed", {**payment, "failure_code": draw.choice(CODES)}),
        ("order.payment.refunded", payment),
        ("order.status.changed", {"to": draw.choice(("paid", "shipped", "closed"))}),
        ("order.hold.placed", {"risk_score": draw.choice((1, 0.5, 99.25))}),
        (
            "order.shipment.in_transit",
            {
                "tracking_number": f"TRK{draw.randrange(10**5):05}X",
                "carrier": draw.choice(("dhl", "ups")),
                "location": draw.choice(("Hub Köln", "hub berlin", "Depot 7")),
                "weight_g": draw.choice((100, 1000.5, "heavy")),
            },
        ),
        ("shop.custom.scanned", {"zone": draw.choice(("A1", "B4")), "tags": ["x", ["y", 1]]}),
    ]
    kind, payload = draw.choice(choices)
    actor = draw.choice((None, {"actor_id": "svc"}, {"actor_id": f"agent_{draw.randrange(6)}"}))
    return Fact(
        order, kind, payload, at, tenant, source=draw.choice(("oms", "wms")), metadata=actor
    )


NAMES = ("Blue Shirt", "red shirt", "Große Lampe", "ﬁne Poster 7", "Crème", "shipment box")
QTY = (1, 2, 5, 30, 2.5)
CODES = ("insufficient_funds", "expired_card", "fraud")


def _sealed(value: str, personal: dict[str, str]) -> dict[str, str]:
    digest = f"{len(personal):043}"
    personal[digest] = value
    return {"_sd": digest}
