"""What recording an event would say, without recording it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from msgspec import Struct

from application.ports import Clock, EventReader
from domain import canonical
from domain.errors import FieldError, Invalid
from domain.orders.incoming import SchemaValidator, check_event
from domain.orders.screening import shown
from domain.privacy.classify import personal_pointers

MAX_EVENTS = 1000
MAX_POINTERS = 1000
"""So many of an event's personal values are named."""


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


class ValidateEvents:
    """The query behind POST /events/validate."""

    def __init__(self, reader: EventReader, validator: SchemaValidator, clock: Clock) -> None:
        self._reader = reader
        self._validator = validator
        self._clock = clock

    async def __call__(self, tenant_id: str, raw: bytes) -> ValidationReport:
        """`raw`: one event or a list of them. Raises Unreadable; Invalid for neither."""
        value = canonical.decode(raw)
        events: list[Any] = value if isinstance(value, list) else [value]
        if len(events) > MAX_EVENTS:
            raise Invalid.field("", f"at most {MAX_EVENTS} events at once")
        results = [await self._report(tenant_id, event) for event in events]
        return ValidationReport(all(result.valid for result in results), results)

    async def _report(self, tenant_id: str, event: Any) -> EventReport:
        try:
            incoming = check_event(event, now_us=self._clock(), validator=self._validator)
        except Invalid as error:
            return EventReport(False, error.errors, False, [])
        there = await self._reader.by_id(tenant_id, incoming.event_id)
        pointers = personal_pointers(incoming.payload, incoming.metadata, incoming.type)
        told = dict.fromkeys(map(shown, islice(pointers, MAX_POINTERS)))
        return EventReport(True, [], there is not None, list(told))
