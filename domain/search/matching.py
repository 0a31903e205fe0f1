"""Whether a condition on what a producer sent is true of an event, decided by the event itself.

What an index cannot decide is decided here, event after event, so a condition is first made a
function, once.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any as Json

from domain.search.query import Match, Op, Scalar
from domain.times import parse_us

_Test = Callable[[Json], bool]


def body_matcher(node: Match) -> Callable[[Mapping[str, Json]], bool]:
    """The function that holds a condition on a payload or on metadata against
    `{"payload": ..., "metadata": ...}`: one value that fits is enough."""
    field, wanted = node.field, node.value
    scope = field.scope
    if node.op == "exists":
        exists = _at(field.path, lambda _: True)
        return lambda body: exists(body[scope]) is wanted
    test = _among(wanted) if isinstance(wanted, tuple) else _held(node.op, wanted)
    holds = _at(field.path, _as_time(test) if field.kind == "time" else test)
    return lambda body: holds(body[scope])


def _at(path: tuple[str, ...], test: _Test) -> _Test:
    """Whether a value at the path fits; lists are gone through, null and an object are none."""
    if not path:

        def at(value: Json) -> bool:
            if type(value) is list:
                return any(at(item) for item in value)
            return value is not None and type(value) is not dict and test(value)

        return at
    name, below = path[0], _at(path[1:], test)

    def through(value: Json) -> bool:
        if type(value) is dict:
            return name in value and below(value[name])
        return type(value) is list and any(through(item) for item in value)

    return through


def _held(op: Op, wanted: Scalar) -> _Test:
    """Text with text, numbers with numbers: true is no number here, unlike in Python."""
    kinds = (type(wanted),) if isinstance(wanted, str | bool) else (int, float)
    if op == "prefix":
        assert isinstance(wanted, str), "reading.py takes no other prefix"
        return lambda value: type(value) is str and value.startswith(wanted)
    compare = getattr(operator, _COMPARED[op])
    return lambda value: type(value) in kinds and compare(value, wanted)


_COMPARED: Mapping[Op, str] = {"eq": "eq", "gt": "gt", "gte": "ge", "lt": "lt", "lte": "le"}


def _among(wanted: tuple[Scalar, ...]) -> _Test:
    truths = frozenset(one for one in wanted if type(one) is bool)
    others = frozenset(one for one in wanted if type(one) is not bool)
    return lambda value: value in (truths if type(value) is bool else others)


def _as_time(test: _Test) -> _Test:
    """Of a time as it is sent; what is none fits nothing."""

    def of_text(value: Json) -> bool:
        try:
            return type(value) is str and test(parse_us(value))
        except ValueError:
            return False

    return of_text
