"""From the bytes of an event, as a producer sends them, to an `Incoming`, or every reason why not.

The common event pays for what it holds: a few scans over its bytes say whether anything in it
needs a closer look (a card number, a reserved key, U+0000), and only then is it walked for that.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

from domain import canonical
from domain.errors import FieldError, Invalid, TooLarge
from domain.orders.envelope import check_envelope
from domain.orders.events import Incoming
from domain.orders.screening import needs_screening, refuse_email_ids, screen, shown
from domain.orders.vocabulary import Path, schema, time_fields
from domain.pointers import child
from domain.privacy.cards import mask_body, may_hold_card
from domain.times import parse_time

MAX_EVENT_BYTES = 256 * 1024
MAX_ERRORS = 100
"""An answer lists this many errors and says how many more there are."""


class SchemaValidator(Protocol):
    """Payload schemas by event type and version. Safe from several threads."""

    def known(self, event_type: str, version: str) -> bool:
        """False if the type has registered schemas, and none of this version."""
        ...

    def errors(self, event_type: str, version: str, payload: dict[str, Any]) -> list[FieldError]:
        """What the schema finds wrong, with pointers below /payload; empty without a schema."""
        ...


def read_event(raw: bytes, *, now_us: int, validator: SchemaValidator) -> Incoming:
    """Read one event. `now_us` is microseconds since 1970.

    Raises TooLarge over 256 KiB, Unreadable for what is not strict JSON, and Invalid with
    everything else that is wrong, each with a pointer and what to do about it.
    """
    if len(raw) > MAX_EVENT_BYTES:
        raise TooLarge(f"an event is at most {MAX_EVENT_BYTES // 1024} KiB")
    value = canonical.decode(raw)
    # Without a backslash the bytes spell their strings plainly and can be scanned as they are.
    text = raw if b"\\" not in raw else None
    return _check(value, text, now_us, validator)


def check_event(value: Any, *, now_us: int, validator: SchemaValidator) -> Incoming:
    """As `read_event`, of a value that `canonical.decode` gave. Does not change the value."""
    return _check(value, None, now_us, validator)


def _check(value: Any, text: bytes | None, now_us: int, validator: SchemaValidator) -> Incoming:
    if type(value) is not dict:
        raise Invalid.field("", "must be a JSON object: one event")
    if text is None:
        text = canonical.encode(value)
        if len(text) > MAX_EVENT_BYTES:
            raise TooLarge(f"an event is at most {MAX_EVENT_BYTES // 1024} KiB")
    errors: list[FieldError] = []
    occurred_at, occurred_us = check_envelope(value, now_us, errors)
    payload = _object(value, "payload", errors)
    metadata = _object(value, "metadata", errors)
    redactions: list[str] = []
    if needs_screening(text):
        screen(payload, "/payload", errors)
        screen(metadata, "/metadata", errors)
    if may_hold_card(text):
        payload = _mask(payload, "/payload", redactions, errors)
        metadata = _mask(metadata, "/metadata", redactions, errors)
    _check_actor(metadata, errors)
    if b"@" in text or b"\\" in text:
        refuse_email_ids(payload, "/payload", errors)
        refuse_email_ids(metadata, "/metadata", errors)
    if type(value.get("payload")) is dict:
        _check_schema(value, payload, validator, errors)
    if errors:
        raise Invalid(_limited(errors))
    return Incoming(
        value["event_id"],
        value["order_id"],
        occurred_at,
        occurred_us,
        value["source"],
        value["type"],
        value["schema_version"],
        payload,
        None if value.get("metadata") is None else metadata,
        value.get("correction_of"),
        tuple(redactions),
    )


def _object(value: dict[str, Any], name: str, errors: list[FieldError]) -> dict[str, Any]:
    """The object of that name; an empty one when it is absent, null or no object."""
    found = value.get(name)
    if type(found) is dict:
        return found
    if found is not None:
        errors.append(FieldError(f"/{name}", "must be an object"))
    return {}


def _mask(
    body: dict[str, Any], pointer: str, redactions: list[str], errors: list[FieldError]
) -> dict[str, Any]:
    keys: list[str] = []
    masked = mask_body(body, pointer, redactions, keys)
    detail = "has a card number in the name of a field; remove it"
    errors += [FieldError(shown(place), detail) for place in dict.fromkeys(keys)]
    return masked


def _check_actor(metadata: dict[str, Any], errors: list[FieldError]) -> None:
    actor = metadata.get("actor_id")
    if actor is not None and (type(actor) is not str or not 1 <= len(actor) <= 200):
        errors.append(FieldError("/metadata/actor_id", "must be a string of 1 to 200 characters"))


def _check_schema(
    value: dict[str, Any],
    payload: dict[str, Any],
    validator: SchemaValidator,
    errors: list[FieldError],
) -> None:
    event_type, version = value.get("type"), value.get("schema_version")
    if type(event_type) is not str or type(version) is not str:
        return
    if not validator.known(event_type, version):
        if version:
            detail = "is not a registered version of this type's schema"
            errors.append(FieldError("/schema_version", detail))
        return
    errors.extend(validator.errors(event_type, version, payload))
    for path in _time_paths(event_type, version):
        _check_times(payload, path, "/payload", errors)


@lru_cache(maxsize=256)
def _time_paths(event_type: str, version: str) -> tuple[Path, ...]:
    registered = schema(event_type, version)
    return tuple(sorted(time_fields(registered))) if registered else ()


def _check_times(value: Any, path: Path, pointer: str, errors: list[FieldError]) -> None:
    """Check the times at a path below a value; what has another shape is the schema's business."""
    if not path:
        if type(value) is str:
            try:
                parse_time(value)
            except ValueError as error:
                errors.append(FieldError(pointer, str(error)))
    elif path[0] == "*" and type(value) is list:
        for index, item in enumerate(value):
            _check_times(item, path[1:], child(pointer, index), errors)
    elif type(value) is dict and path[0] in value:
        _check_times(value[path[0]], path[1:], child(pointer, path[0]), errors)


def _limited(errors: list[FieldError]) -> list[FieldError]:
    if len(errors) <= MAX_ERRORS:
        return errors
    more = len(errors) - MAX_ERRORS
    return [*errors[:MAX_ERRORS], FieldError("", f"and {more} more errors")]
