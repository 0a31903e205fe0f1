"""From JSON to what an aggregation asks for: measures, and what to group by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args

from domain.errors import FieldError, Invalid
from domain.orders.envelope import refuse_unknown
from domain.pointers import child
from domain.search.aggregation import CURRENCY, Group, Measure, Operation
from domain.search.calendar import Interval, time_zone
from domain.search.fields import Field, field_named

MOST_MEASURES = 10
MOST_FIELDS = 4
"""Of a group."""
COUNT = Measure("count")

_OPERATIONS: tuple[Operation, ...] = get_args(Operation)
_INTERVALS: tuple[Interval, ...] = get_args(Interval)
_T = TypeVar("_T")


def read_measures(value: Any, pointer: str) -> list[Measure]:
    """A list of {"op", "field"}. Raises Invalid with all that is wrong."""
    return _each(value, pointer, read_measure, MOST_MEASURES, fewest=1)


def read_groups(value: Any, pointer: str) -> list[Group]:
    """A list of names of fields and {"field": "occurred_at", "interval", "time_zone"}. Raises
    Invalid with all that is wrong."""
    groups = _each(value, pointer, _group, MOST_FIELDS)
    names = [group.field.name for group in groups]
    for at, name in enumerate(names):
        if name in names[:at]:
            raise Invalid.field(child(pointer, at), "is there twice")
    return groups


def read_measure(value: Any, pointer: str) -> Measure:
    """One {"op", "field"}. Raises Invalid."""
    given = _object(value, pointer, ("op", "field"), "a measure")
    op = given.get("op")
    if op not in _OPERATIONS:
        raise Invalid.field(child(pointer, "op"), f"must be one of {', '.join(_OPERATIONS)}")
    place = child(pointer, "field")
    if given.get("field") is None:
        if op != "count":
            raise Invalid.field(place, f"is required for {op}")
        return COUNT
    field = _known(given["field"], place)
    kinds = {"integer", "any"} | ({"time"} if op in {"min", "max"} else set())
    if op != "count" and (field.kind not in kinds or (field.kind == "time" and field.path)):
        raise Invalid.field(place, "must be a field of numbers, such as payload.amount_minor")
    return Measure(op, field)


def read_group_field(value: Any, pointer: str) -> Group:
    """The name of a field to group by. Raises Invalid."""
    field = CURRENCY if value == CURRENCY.name else _known(value, pointer)
    if field.kind == "time" or field.name == "sequence":
        detail = "cannot be grouped by"
        if field.name == "occurred_at":
            detail = 'needs an interval: {"field": "occurred_at", "interval": "day"}'
        raise Invalid.field(pointer, detail)
    return Group(field)


def _group(value: Any, pointer: str) -> Group:
    if not isinstance(value, dict):
        return read_group_field(value, pointer)
    given = _object(value, pointer, ("field", "interval", "time_zone"), "a field to group by")
    place = child(pointer, "field")
    if given.get("field") != "occurred_at":
        if given.keys() & {"interval", "time_zone"}:
            raise Invalid.field(place, "must be occurred_at where there is an interval")
        return read_group_field(given.get("field"), place)
    interval, zone = given.get("interval"), given.get("time_zone", "UTC")
    if interval not in _INTERVALS:
        detail = f"must be one of {', '.join(_INTERVALS)}"
        raise Invalid.field(child(pointer, "interval"), detail)
    place = child(pointer, "time_zone")
    if not isinstance(zone, str):
        raise Invalid.field(place, "must be a string, such as Europe/Berlin")
    try:
        time_zone(zone)
    except ValueError as error:
        raise Invalid.field(place, str(error)) from None
    return Group(field_named("occurred_at"), interval, zone)


def _known(name: Any, pointer: str) -> Field:
    if not isinstance(name, str):
        raise Invalid.field(pointer, "must be the name of a field")
    try:
        field = field_named(name)
    except ValueError as error:
        raise Invalid.field(pointer, str(error)) from None
    if not field.indexed:
        raise Invalid.field(pointer, "is not indexed: only indexed fields are counted by")
    return field


def _object(value: Any, pointer: str, fields: tuple[str, ...], what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Invalid.field(pointer, f"must be {what}, an object with {' and '.join(fields)}")
    wrong: list[FieldError] = []
    refuse_unknown(value, fields, what, wrong, pointer)
    if wrong:
        raise Invalid(wrong)
    return value


def _each(
    value: Any, pointer: str, read: Callable[[Any, str], _T], most: int, fewest: int = 0
) -> list[_T]:
    if not isinstance(value, list) or not fewest <= len(value) <= most:
        raise Invalid.field(pointer, f"must be a list of {fewest} to {most}")
    found: list[_T] = []
    wrong: list[FieldError] = []
    for at, one in enumerate(value):
        try:
            found.append(read(one, child(pointer, at)))
        except Invalid as error:
            wrong += error.errors
    if wrong:
        raise Invalid(wrong)
    return found
