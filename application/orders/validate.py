"""What recording an event would say, without recording it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Any, Protocol

from msgspec import Struct

from application.ports import Clock
from domain import canonical
from domain.errors import FieldError, Invalid, TooLarge
from domain.orders.events import Incoming
from domain.orders.incoming import SchemaValidator, check_event
from domain.orders.screening import shown
from domain.privacy.classify import personal_pointers

MAX_EVENTS = 1000
MAX_POINTERS = 1000
"""So many of an event's personal values are named."""

_AT_ONCE = 16
"""Events that are checked before others on the event loop have their turn."""


class EventReport(Struct, frozen=True):
    """One event: `duplicate` when its event_id is recorded already; `pii` are the pointers of what
    would be kept as digests, with the values encrypted beside."""

    valid: bool
    errors: Sequence[FieldError]
    duplicate: bool
    pii: Sequence[str]


class ValidationReport(Struct, frozen=True):
    """`valid` when every event is."""

    valid: bool
    results: Sequence[EventReport]


class RecordedIds(Protocol):
    """Looks event ids up in the event store: what is committed is seen."""

    async def among(self, tenant_id: str, event_ids: Sequence[str]) -> set[str]:
        """Those that the tenant has recorded, in one query. Raises Unavailable."""
        ...


class ValidateEvents:
    """The query behind POST /events/validate."""

    def __init__(self, recorded: RecordedIds, validator: SchemaValidator, clock: Clock) -> None:
        self._recorded = recorded
        self._validator = validator
        self._clock = clock

    async def __call__(self, tenant_id: str, raw: bytes) -> ValidationReport:
        """`raw`: one event or a list of them. Raises Unreadable; Invalid for neither."""
        value = canonical.decode(raw)
        events: list[Any] = value if isinstance(value, list) else [value]
        if len(events) > MAX_EVENTS:
            raise Invalid.field("", f"at most {MAX_EVENTS} events at once")
        checked: list[Incoming | Sequence[FieldError]] = []
        for event in events:
            if len(checked) % _AT_ONCE == 0:
                await asyncio.sleep(0)
            checked.append(self._check(event))
        ids = [one.event_id for one in checked if isinstance(one, Incoming)]
        there = await self._recorded.among(tenant_id, ids) if ids else set()
        results = [_report(one, there) for one in checked]
        return ValidationReport(all(result.valid for result in results), results)

    def _check(self, event: Any) -> Incoming | Sequence[FieldError]:
        """The event, or why it is none: one that is too large is so alone, not the whole list."""
        try:
            return check_event(event, now_us=self._clock(), validator=self._validator)
        except Invalid as error:
            return error.errors
        except TooLarge as error:
            return [FieldError("", str(error))]


def _report(checked: Incoming | Sequence[FieldError], there: set[str]) -> EventReport:
    if not isinstance(checked, Incoming):
        return EventReport(False, checked, False, [])
    pointers = personal_pointers(checked.payload, checked.metadata, checked.type)
    told = dict.fromkeys(map(shown, islice(pointers, MAX_POINTERS)))
    return EventReport(True, [], checked.event_id in there, list(told))
