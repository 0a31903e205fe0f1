"""The Order aggregate: a list of facts about one order, and what they fold to.

It satisfies the framework's protocols (id, version, collect_events) without its metaclass, which
would emit a Created event of its own. It decides nothing about what an order may do: this service
accepts facts that happened elsewhere. What can be refused (a correction of another order's event,
a taken event_id) is decided when the end of the ledger is held: `domain.ledger.append`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from msgspec import Struct

from domain.orders.events import Draft, Recorded, decode_body
from domain.orders.history import Folded, fold_all, past_event
from domain.orders.state import PastEvent
from domain.privacy.sealing import originator


class Order:
    """One order of one tenant, with the facts that wait to be saved."""

    def __init__(self, tenant_id: str, order_id: str) -> None:
        self.tenant_id = tenant_id
        self.order_id = order_id
        self.version = 0
        self.folded: Folded | None = None
        self._id = originator(tenant_id, order_id)
        self._pending: list[Draft] = []

    @property
    def id(self) -> UUID:
        """UUIDv5 of tenant and order id (formats.md)."""
        return self._id

    def record(self, draft: Draft) -> None:
        """Take a fact about this order; `save` puts it on the ledger."""
        if draft.originator_id != self._id:
            raise ValueError("the event is about another order")
        self._pending.append(draft)

    def collect_events(self) -> Sequence[Draft]:
        """The pending facts, which are pending no more."""
        pending, self._pending = self._pending, []
        return pending


class Block(Struct, frozen=True):
    """The versions between a snapshot and the one before it: after_version + 1 .. its own.

    A question about a time before `earliest_us` need not look at them, unless one corrects.
    """

    after_version: int
    earliest_us: int
    corrects: bool

    @classmethod
    def of(cls, events: Sequence[PastEvent]) -> Block:
        """Of the block's events; there is at least one."""
        return cls(
            events[0].version - 1,
            min(event.occurred_us for event in events),
            any(event.correction_of is not None for event in events),
        )


class OrderSnapshot(Struct, frozen=True):
    """The framework's snapshot of an order: what versions 1..originator_version fold to."""

    originator_id: UUID
    originator_version: int
    state: Folded
    block: Block


def project(_initial: Order | None, events: Iterable[Recorded]) -> Order | None:
    """The framework's projector: an order from all of its events, None when there are none."""
    recorded = list(events)
    if not recorded:
        return None
    order = order_of(recorded[0])
    order.version = recorded[-1].originator_version
    order.folded = fold_all(
        order.order_id,
        [past_event(e.sequence, e.originator_version, e.received_us, e.state) for e in recorded],
    )
    return order


def order_of(event: Recorded) -> Order:
    """An empty order with the identity of the one that the event is about."""
    return Order(event.tenant_id, decode_body(event.state).order_id or "")
