"""Orders of a shop, and a slow second opinion on what a question about them means.

Nothing here comes from domain/search or the read model: JSON queries are held against the events as
they were sent, one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import Any
from unicodedata import normalize

from tests.projections.filling import START_US, Fact

Json = Any
COLUMNS = ("type", "source", "order_id", "actor_id", "sequence", "occurred_at")
IDENTS = ("number", "tracking_number", "sku", "rma")


class Event:
    """An event of one tenant with what it says, by the reference's own reading."""

    def __init__(self, sequence: int, fact: Fact, personal: dict[str, str]) -> None:
        self.sequence = sequence
        self.fact = fact
        self.occurred_us = START_US + fact.at * 1_000_000
        self.actor_id = (fact.metadata or {}).get("actor_id")
        self.words: set[str] = set(_words(fact.type)) | set(_words(fact.source))
        self.idents: set[str] = set() if fact.order_id is None else {_folded(fact.order_id)}
        self.personal: set[str] = set()
        self.order: dict[str, Json] = {}
        for path, value in _leaves(fact.payload):
            self._read(path, value, personal)

    def _read(self, path: tuple[str, ...], value: Json, personal: dict[str, str]) -> None:
        name = path[-1]
        if name == "_sd":
            self.personal.add(personal[value])
        elif name in IDENTS or name.endswith("_id") or path[-2:] == ("customer", "id"):
            if type(value) in (str, int):
                self.idents.add(_folded(str(value)))
        elif isinstance(value, str) and not name.endswith("_at"):
            self.words |= set(_words(value))

    def values(self, name: str) -> list[Json]:
        """What a field of a query has here."""
        scope, _, rest = name.partition(".")
        if scope == "order":
            value = self.order.get(rest)
            return value if isinstance(value, list) else [] if value is None else [value]
        if scope == "payload":
            return list(_at(self.fact.payload, rest.split(".")))
        if scope == "metadata":
            return list(_at(self.fact.metadata, rest.split(".")))
        own = {
            "type": self.fact.type,
            "source": self.fact.source,
            "order_id": self.fact.order_id,
            "actor_id": self.actor_id,
            "sequence": self.sequence,
            "occurred_at": self.occurred_us,
        }
        return [] if own[name] is None else [own[name]]


def told(facts: list[Fact], tenant: str, personal: dict[str, str]) -> list[Event]:
    """The tenant's events, each with its order as all of them make it."""
    own = [fact for fact in facts if fact.tenant == tenant]
    events = [Event(place, fact, personal) for place, fact in enumerate(own, 1)]
    orders: dict[str, list[Event]] = {}
    for event in events:
        if event.fact.order_id is not None:
            orders.setdefault(event.fact.order_id, []).append(event)
    for history in orders.values():
        order = _order(history)
        for event in history:
            event.order = order
    return events


def is_meant(query: dict[str, Json], event: Event) -> bool:
    """Whether the query is true of the event."""
    if "all" in query:
        return all(is_meant(part, event) for part in query["all"])
    if "any" in query:
        return any(is_meant(part, event) for part in query["any"])
    if "not" in query:
        return not is_meant(query["not"], event)
    if "text" in query:
        return set(_words(query["text"])) <= event.words
    if "ident" in query:
        return _has_ident(query, event)
    name = query["field"]
    values = event.values(name)
    return all(_holds(op, wanted, values, name) for op, wanted in query.items() if op != "field")


def _has_ident(query: dict[str, Json], event: Event) -> bool:
    wanted = _folded(query["ident"])
    if wanted in {_folded(one) for one in event.personal if "@" in one}:
        return True
    is_number = bool(re.fullmatch(r"[\W\d_]+", wanted)) and len(_digits(wanted)) >= 6
    if is_number and _digits(wanted) in map(_digits, event.personal):
        return True
    if query.get("exact"):
        return wanted in event.idents
    return any(wanted in one for one in event.idents)


def _holds(op: str, wanted: Json, values: list[Json], name: str) -> bool:
    if op == "exists":
        return bool(values) == bool(wanted)
    if name.endswith("_at"):
        wanted = [_us(one) for one in wanted] if op == "in" else _us(wanted)
        values = [_us(one) if isinstance(one, str) else one for one in values]
    if op == "in":
        return any(_equal(value, one) for value in values for one in wanted)
    return any(_compared(op, value, wanted) for value in values)


def _equal(value: Json, wanted: Json) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return isinstance(value, str) == isinstance(wanted, str) and value == wanted


def _compared(op: str, value: Json, wanted: Json) -> bool:
    if op == "eq":
        return _equal(value, wanted)
    if isinstance(value, bool) or isinstance(value, str) != isinstance(wanted, str):
        return False
    if op == "prefix":
        return isinstance(value, str) and value[: len(wanted)] == wanted
    return bool(
        {
            "gt": value > wanted,
            "gte": value >= wanted,
            "lt": value < wanted,
            "lte": value <= wanted,
        }[op]
    )


def _order(history: list[Event]) -> dict[str, Json]:
    """The order as it is now, of the few kinds of events that `shop` has."""
    order: dict[str, Json] = {"on_hold": False, "created_at": history[0].occurred_us}
    by_time = sorted(history, key=lambda event: (event.occurred_us, event.sequence))
    order["last_event_at"] = by_time[-1].occurred_us
    for event in by_time:
        kind, payload = event.fact.type, event.fact.payload
        if kind == "order.created":
            order |= {
                "number": payload["number"],
                "channel": payload["channel"],
                "currency": payload["currency"],
                "customer_id": payload["customer"]["id"],
                "total_minor": payload["total_minor"],
                "status": "pending",
                "sku": sorted({item["sku"] for item in payload["items"]}),
            }
        elif kind == "order.hold.placed":
            order["on_hold"] = True
        elif kind == "order.status.changed":
            order["status"] = payload["to"]
    return order


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


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", _folded(text)) if word]


def _folded(text: str) -> str:
    return normalize("NFKC", normalize("NFKC", text).casefold()).strip()


def _digits(text: str) -> str:
    return re.sub("[^0-9]", "", text).removeprefix("00")


def _us(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return round(moment.timestamp() * 1_000_000)


def _leaves(value: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Json]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value


def _at(value: Json, path: list[str]) -> Iterator[Json]:
    for found, leaf in _leaves(value):
        if leaf is not None and list(found) == path:
            yield leaf
