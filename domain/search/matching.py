"""Whether a question is true of an event, decided by the event itself.

What an index cannot decide is decided here, event after event, so a question is first made a
function, once.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from operator import attrgetter
from typing import Any as Json

from msgspec import Struct

from domain.search.query import All, Ident, Match, Node, Not, Op, Scalar, Words
from domain.search.terms import Term, terms_of
from domain.times import parse_us


class Terms(Struct, frozen=True):
    """What words and identifiers are looked for in."""

    words: frozenset[str]
    idents: frozenset[str]
    emails: frozenset[str]
    phones: frozenset[str]


class Event(Struct, dict=True):
    """An event as it is stored, with what a question can ask beside it.

    occurred_us: microseconds since 1970. payload, metadata: decoded, personal values as digests.
    order: the fields of its order by their names, times in microseconds, several values as a list.
    personal: the terms of its personal values (`terms.personal_terms`).
    """

    type: str
    source: str
    order_id: str | None
    actor_id: str | None
    sequence: int
    occurred_us: int
    payload: Mapping[str, Json]
    metadata: Mapping[str, Json] | None = None
    order: Mapping[str, Json] = {}
    personal: AbstractSet[Term] = frozenset()

    @cached_property
    def terms(self) -> Terms:
        """Its words and identifiers, found out when first asked for."""
        found = terms_of(self.type, self.source, self.order_id, self.payload, self.metadata)
        return Terms(
            frozenset(value for kind, _, value in found if kind == "word"),
            frozenset(value for kind, _, value in found if kind == "ident"),
            frozenset(value for kind, _, value in self.personal if kind == "email"),
            frozenset(value for kind, _, value in self.personal if kind == "phone"),
        )


Decides = Callable[[Event], bool]
_Test = Callable[[Json], bool]


def matches(node: Node, event: Event) -> bool:
    """Whether the question is true of the event. For several events, make a `matcher` once."""
    return matcher(node)(event)


def matcher(node: Node) -> Decides:
    """The function that says whether the question is true of an event."""
    match node:
        case Words(words=words):
            return _has_words(frozenset(words))
        case Ident():
            return _has_ident(node)
        case Match():
            return _field_matcher(node)
        case Not(part=part):
            inner = matcher(part)
            return lambda event: not inner(event)
    parts = [matcher(part) for part in node.parts]
    if len(parts) == 1:
        return parts[0]
    if isinstance(node, All):
        return lambda event: all(part(event) for part in parts)
    return lambda event: any(part(event) for part in parts)


def body_matcher(node: Match) -> Callable[[Mapping[str, Json]], bool]:
    """The function that holds a condition on a payload or on metadata against
    `{"payload": ..., "metadata": ...}`."""
    scope, test = node.field.scope, _value_matcher(node)
    return lambda body: test(body[scope])


def _field_matcher(node: Match) -> Decides:
    field, test = node.field, _value_matcher(node)
    if field.scope == "order":
        name = field.name
        return lambda event: test(event.order.get(name))
    of_event = "occurred_us" if field.name == "occurred_at" else field.name
    value = attrgetter(of_event if field.scope == "event" else field.scope)
    return lambda event: test(value(event))


def _has_words(wanted: frozenset[str]) -> Decides:
    return lambda event: wanted <= event.terms.words


def _has_ident(node: Ident) -> Decides:
    value, exact, email, phone = node.value, node.exact, node.email, node.phone

    def has(event: Event) -> bool:
        terms = event.terms
        if value in terms.idents or email in terms.emails or phone in terms.phones:
            return True
        return not exact and any(value in one for one in terms.idents)

    return has


def _value_matcher(node: Match) -> _Test:
    """Holds a condition against what its field's path is below: one value that fits is enough."""
    if node.op == "exists":
        exists = _at(node.field.path, lambda _: True)
        return exists if node.value else lambda body: not exists(body)
    test = _among(node.value) if isinstance(node.value, tuple) else _held(node.op, node.value)
    if node.field.kind == "time" and node.field.path:
        test = _as_time(test)
    return _at(node.field.path, test)


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
