"""One order's row and one actor's, moved on by events in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct

from domain.orders.history import Folded
from domain.orders.state import EFFECTS, PastEvent, State, apply, empty_state
from projections.reading import Notification

_LONGEST_TEXT = 200
"""Characters that a text column holds. Longer values, which no index could take, are left out."""

_TEXTS = ("number", "status", "channel", "currency", "customer_id")
_WITHOUT_COLUMN = ("order.payment.", "order.fulfillment.", "order.shipment.", "order.return.")
COLUMN_TYPES = frozenset(
    name
    for name in EFFECTS
    if not name.startswith(_WITHOUT_COLUMN) and name != "order.address.changed"
)
"""The event types that can change a column: the payloads of all others are never decoded."""


class OrderRow(Struct):
    """A row of `orders`; the fields are its columns."""

    tenant_id: str
    order_id: str
    created_us: int
    first_us: int
    last_us: int
    last_sequence: int = 0
    event_count: int = 0
    number: str | None = None
    status: str | None = None
    channel: str | None = None
    currency: str | None = None
    customer_id: str | None = None
    total_minor: int | None = None
    on_hold: bool = False
    skus: list[str] = []
    awaits_original: bool = False


class ActorRow(Struct):
    """A row of `actors`, or what some events add to one."""

    tenant_id: str
    actor_id: str
    actor_type: str | None
    events: int
    first_us: int
    last_us: int

    def take(self, event: Notification) -> None:
        """Count one more act. The latest type given is the actor's."""
        self.actor_type = event.actor_type or self.actor_type
        self.events += 1
        self.first_us = min(self.first_us, event.occurred_us)
        self.last_us = max(self.last_us, event.occurred_us)


class Life(Struct):
    """An order while a batch is applied. `since`: the version of its first event in the batch.

    `out_of_order`: the row's columns cannot be moved on by themselves, but must be folded anew.
    """

    row: OrderRow
    originator_id: UUID
    since: int
    out_of_order: bool = False
    _state: State | None = None

    @classmethod
    def begin(cls, event: Notification) -> Life:
        """An order of which this is the first event, not yet taken."""
        at = event.occurred_us
        row = OrderRow(event.tenant_id, event.order_id or "", at, at, at)
        return cls(row, event.originator_id, event.version)

    def take(self, event: Notification) -> None:
        """Move on by the order's next event on the ledger."""
        row = self.row
        if (
            event.correction_of is not None
            or row.awaits_original
            or event.occurred_us < row.last_us
        ):
            self.out_of_order = True
        row.event_count += 1
        row.last_sequence = event.sequence
        row.first_us = min(row.first_us, event.occurred_us)
        row.last_us = max(row.last_us, event.occurred_us)
        if event.type in COLUMN_TYPES and not self.out_of_order:
            self._state = self._state or _partial(row)
            apply(self._state, _past(event))

    def refolded(self, folded: Folded) -> None:
        """Take the columns from a fold of the whole history."""
        self._state = folded.state
        self.row.awaits_original = bool(folded.waiting)

    def finish(self) -> OrderRow:
        """The row as it is to be stored."""
        if self._state is not None:
            _set_columns(self.row, self._state)
        return self.row


def _partial(row: OrderRow) -> State:
    """A state that answers as the order's own, as far as columns go."""
    state = empty_state(row.order_id)
    for name in (*_TEXTS, "total_minor", "on_hold"):
        state[name] = getattr(row, name)
    state["items"] = [{"sku": sku} for sku in row.skus]
    return state


def _set_columns(row: OrderRow, state: Mapping[str, Any]) -> None:
    for name in _TEXTS:
        value = state[name]
        fits = isinstance(value, str) and len(value) <= _LONGEST_TEXT
        setattr(row, name, value if fits else None)
    total = state["total_minor"]
    row.total_minor = total if type(total) is int else None
    row.on_hold = state["on_hold"] is True
    row.skus = skus_of(state["items"])


def skus_of(items: object) -> list[str]:
    """The distinct skus of a state's items, sorted."""
    lines = items if isinstance(items, list) else []
    skus = (line.get("sku") for line in lines if isinstance(line, dict))
    return sorted({sku for sku in skus if isinstance(sku, str)})


def _past(event: Notification) -> PastEvent:
    return PastEvent(
        event.sequence,
        event.version,
        event.event_id,
        event.type,
        event.occurred_at,
        event.occurred_us,
        event.received_us,
        event.payload,
    )
