"""One order's row and one actor's, moved on by events in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from msgspec import Struct

from domain.orders.history import fold_all
from domain.orders.state import EFFECTS, PastEvent, State, apply, empty_state
from projections.reading import Notification

_LONGEST_TEXT = 200
"""Characters that a text column holds. Longer values, which no index could take, are left out."""

_WITHOUT_COLUMN = ("order.payment.", "order.fulfillment.", "order.shipment.", "order.return.")
_NOT_SHOWN = frozenset({"shipping_address", "billing_address", "items"})
_occurred = attrgetter("occurred_us")
COLUMN_TYPES = frozenset(
    name
    for name in EFFECTS
    if not name.startswith(_WITHOUT_COLUMN) and name != "order.address.changed"
)
"""The event types that can change a column: the payloads of all others are never decoded."""


class OrderRow(Struct, gc=False):
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


class ActorRow(Struct, gc=False):
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


class Life(Struct, gc=False):
    """An order while a batch is applied. `since`: the version of its first event in the batch.

    Nothing is applied before the end: what is late within the batch is then put in its place.
    """

    row: OrderRow
    since: int
    corrected: bool = False
    late: bool = False
    _events: list[Notification] = []
    _state: State | None = None

    @classmethod
    def begin(cls, event: Notification) -> Life:
        """An order of which this is the first event, not yet taken."""
        at = event.occurred_us
        return cls(OrderRow(event.tenant_id, event.order_id or "", at, at, at), event.version)

    def take(self, event: Notification) -> None:
        """Count the order's next event on the ledger."""
        row = self.row
        if event.correction_of is not None or row.awaits_original:
            self.corrected = True
        if event.occurred_us < row.last_us:
            self.late = True
            row.first_us = min(row.first_us, event.occurred_us)
        else:
            row.last_us = event.occurred_us
        row.event_count += 1
        row.last_sequence = event.sequence
        if event.type in COLUMN_TYPES:
            self._events.append(event)

    @property
    def needs_history(self) -> bool:
        """Whether the row cannot be moved on by the batch alone."""
        return self.corrected or (self.late and self.since > 1)

    def relive(self, history: Sequence[Notification]) -> None:
        """Take the columns from a fold of all events, given in the order of the ledger."""
        if any(event.correction_of is not None for event in history):
            folded = fold_all(self.row.order_id, [_past(event, event.payload) for event in history])
            self._state = folded.state
            self.row.awaits_original = bool(folded.waiting)
        else:
            self._state = empty_state(self.row.order_id)
            _apply_by_occurrence(self._state, history)

    def finish(self) -> OrderRow:
        """The row as it is to be stored."""
        if self._state is None and self._events:
            self._state = _partial(self.row)
            _apply_by_occurrence(self._state, self._events)
        if self._state is not None:
            _set_columns(self.row, self._state)
        return self.row


def _partial(row: OrderRow) -> State:
    """A state that answers as the order's own, as far as columns go."""
    return empty_state(row.order_id) | {
        "number": row.number,
        "status": row.status,
        "channel": row.channel,
        "currency": row.currency,
        "customer_id": row.customer_id,
        "total_minor": row.total_minor,
        "on_hold": row.on_hold,
        "items": [{"sku": sku} for sku in row.skus],
    }


def _apply_by_occurrence(state: State, events: Sequence[Notification]) -> None:
    """The fold where nothing is corrected, without what no column shows.

    Sorting keeps the order of the ledger among events of one moment.
    """
    for event in sorted(events, key=_occurred):
        if event.type in COLUMN_TYPES:
            apply(state, _past(event, _shown(event.payload)))


def _shown(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload without what no column shows and effects would copy into the state."""
    if _NOT_SHOWN.isdisjoint(payload):
        return payload
    shown = {key: value for key, value in payload.items() if key not in _NOT_SHOWN}
    items = payload.get("items")
    if items is not None:
        shown["items"] = [{"sku": sku} for sku in skus_of(items)] if type(items) is list else items
    return shown


def _past(event: Notification, payload: dict[str, Any]) -> PastEvent:
    return PastEvent(
        event.sequence,
        event.version,
        event.event_id,
        event.type,
        event.occurred_at,
        event.occurred_us,
        event.received_us,
        payload,
        event.correction_of,
    )


def _set_columns(row: OrderRow, state: Mapping[str, Any]) -> None:
    row.number = _text(state["number"])
    row.status = _text(state["status"])
    row.channel = _text(state["channel"])
    row.currency = _text(state["currency"])
    row.customer_id = _text(state["customer_id"])
    total = state["total_minor"]
    row.total_minor = total if type(total) is int else None
    row.on_hold = state["on_hold"] is True
    row.skus = skus_of(state["items"])


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= _LONGEST_TEXT else None


def skus_of(items: object) -> list[str]:
    """The distinct skus of a state's items, sorted."""
    lines = items if isinstance(items, list) else []
    skus = (line.get("sku") for line in lines if isinstance(line, dict))
    return sorted({sku for sku in skus if isinstance(sku, str)})
