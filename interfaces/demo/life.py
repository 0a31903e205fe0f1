"""One order's life, told by the systems that take part in it: what each of them would send."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from interfaces.demo.shops import Person, Shop

Payload = dict[str, Any]


@dataclass(frozen=True)
class Actor:
    """Who did it. Services act from inside, without an address."""

    id: str
    type: str
    ip: str | None = None
    user_agent: str | None = None


CHECKOUT = Actor("svc_checkout", "service")
PAYMENTS = Actor("svc_payments", "service")
WAREHOUSE = Actor("svc_warehouse", "service")
CARRIER = Actor("svc_carrier", "service")
FRAUD = Actor("svc_risk", "service")
AGENTS = tuple(Actor(f"agent_{n:02}", "agent", f"192.0.2.{200 + n}") for n in range(1, 8))


@dataclass(frozen=True)
class Told:
    """An event, and when it reaches the history service."""

    arrives: datetime
    event: Payload


@dataclass
class Life:
    """An order while it is told. `clock` is the moment of the next event."""

    rng: Random
    shop: Shop
    person: Person
    order_id: str
    number: str
    clock: datetime
    items: list[Payload] = field(default_factory=list)
    shipping_minor: int = 0
    status: str = "pending"
    told: list[Told] = field(default_factory=list)

    @property
    def customer(self) -> Actor:
        person = self.person
        return Actor(person.customer["id"], "customer", person.ip, person.user_agent)

    @property
    def subtotal_minor(self) -> int:
        return sum(item["qty"] * item["unit_price_minor"] for item in self.items)

    @property
    def total_minor(self) -> int:
        return self.subtotal_minor + self.subtotal_minor // 5 + self.shipping_minor

    @property
    def payment_id(self) -> str:
        return f"pay_{self.order_id.removeprefix('ord_')}"

    def wait(self, **least: float) -> None:
        """Let at least this much time go by (timedelta's names), and up to twice as much."""
        self.clock += timedelta(**least) * (1 + self.rng.random())

    def tell(
        self,
        type_: str,
        source: str,
        actor: Actor,
        payload: Payload,
        *,
        late: timedelta = timedelta(0),
        correction_of: str | None = None,
    ) -> str:
        """One event at `clock`, a second or so apart from the one before. Returns its event_id."""
        self.clock += timedelta(milliseconds=self.rng.randint(200, 1800))
        event_id = f"evt_{self.order_id.removeprefix('ord_')}_{len(self.told) + 1:03}"
        event: Payload = {
            "event_id": event_id,
            "order_id": self.order_id,
            "occurred_at": _rfc3339(self.clock),
            "source": source,
            "type": type_,
            "schema_version": "v1",
            "payload": payload,
            "metadata": self._metadata(actor),
        }
        if correction_of is not None:
            event["correction_of"] = correction_of
        transport = timedelta(milliseconds=self.rng.randint(20, 900))
        self.told.append(Told(self.clock + transport + late, event))
        return event_id

    def become(
        self, status: str, source: str, actor: Actor, payload: Payload | None = None, **more: Any
    ) -> str:
        """`order.<status>`, from the status the order has. `more` goes to `tell`."""
        change = {"from": self.status, "to": status, **(payload or {})}
        self.status = status
        return self.tell(f"order.{status}", source, actor, change, **more)

    def _metadata(self, actor: Actor) -> Payload:
        metadata = {
            "correlation_id": f"corr-{self.rng.getrandbits(32):08x}",
            "actor_id": actor.id,
            "actor_type": actor.type,
        }
        if actor.ip:
            metadata["ip"] = actor.ip
        if actor.user_agent:
            metadata["user_agent"] = actor.user_agent
        return metadata


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
