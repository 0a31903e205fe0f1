"""The fields whose values are counted by day, so that rankings over years need not read events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from domain.search.fields import Field, field_named
from domain.search.terms import values_at

CountedKind = Literal["text", "none", "other"]
Counted = tuple[str, CountedKind, str]
"""(name of the field, kind, value): a text; "none": no value; "other": what only the event tells, a
list, a number, a long text. The value is "" where the kind is not text."""

COUNTED: Mapping[str, Field] = {
    name: field_named(name)
    for name in (
        "actor_id",
        "payload.failure_code",
        "payload.gateway",
        "payload.carrier",
        "payload.code",
        "payload.currency",
    )
}
"""Few different values, each of many events."""

LONGEST = 200
"""Characters of a text that is counted."""

_IN_PAYLOAD = tuple((name, field.path[0]) for name, field in COUNTED.items() if field.path)


def counted(actor_id: str | None, payload: Mapping[str, Any]) -> Iterator[Counted]:
    """What is counted of an event of an order, one of each field that has a value in it."""
    if actor_id is not None:
        yield "actor_id", "text", actor_id
    for name, key in _IN_PAYLOAD:
        value = payload.get(key)
        if value is None:
            continue
        if type(value) is str and len(value) <= LONGEST:
            yield name, "text", value
        elif any(True for _ in values_at(value, ())):
            yield name, "other", ""
