"""A small shop's events, arriving with delays and corrections; the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.projections.filling import Fact

STEPS = ("order.confirmed", "order.payment.succeeded", "order.shipped", "order.delivered")


def world(
    orders: int, seed: int = 1, tenants: tuple[str, ...] = ("acme", "umbrella")
) -> list[Fact]:
    """About six facts an order."""
    random = Random(seed)
    facts = [fact for number in range(orders) for fact in _life(random, number, tenants)]
    # By when they arrive: mostly soon after they happened.
    return sorted(facts, key=lambda fact: fact.at + random.expovariate(1 / 20))


def _life(random: Random, number: int, tenants: tuple[str, ...]) -> Iterator[Fact]:
    tenant, order = random.choice(tenants), f"ord-{number}"
    actor = {"actor_id": f"svc-{random.randrange(5)}", "actor_type": "service"}
    begun = random.randrange(1000)
    payload = {
        "number": f"N{number}",
        "channel": random.choice(["web", "store"]),
        "currency": "EUR",
        "customer": {"id": f"cust-{random.randrange(40)}"},
        "total_minor": random.choice([None, random.randrange(10_000)]),
        "items": [{"sku": f"sku-{random.randrange(20)}"} for _ in range(3)],
    }
    created = Fact(order, "order.created", payload, begun, tenant, f"{number}-0", metadata=actor)
    created.redactions = ["/payload/items/0/name"] if number % 4 == 0 else None
    yield created
    for step, kind in enumerate(STEPS[: random.randrange(5)], 1):
        at = begun + step * 10
        yield Fact(order, kind, {}, at, tenant, f"{number}-{step}", None, "oms", actor)
    if random.random() < 0.2:
        target = f"{number}-{random.randrange(5)}"
        voided = {"correction": "no", "void": True}
        yield Fact(order, "order.correction", voided, begun + 60, tenant, f"{number}-c", target)
    if random.random() < 0.05:
        yield Fact(None, "history.export.made", {}, begun, tenant, f"{number}-h")
