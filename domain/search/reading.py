"""From JSON to a question: a query as it is sent, checked whole, made a tree of `query.py`.

    {"text": "..."}    {"ident": "...", "exact": true}    {"field": "...", "gte": 100, "lt": 200}
    {"all": [...]}     {"any": [...]}                     {"not": {...}}

Several operators of one condition all hold. What is read is bounded, and so is the work of reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any as Json
from typing import Literal, TypeVar

from domain.errors import FieldError, Invalid
from domain.orders.envelope import refuse_unknown
from domain.pointers import child
from domain.search.fields import Field, Kind
from domain.search.narrowing import unindexed
from domain.search.query import All, Any, Match, Node, Not, Op
from domain.search.values import (
    MAX_VALUES,
    boolean,
    known_field,
    read_ident,
    read_words,
    scalar,
)

T = TypeVar("T")

MAX_DEPTH = 16
"""Queries inside each other, the outermost counted."""
MAX_CLAUSES = 256
"""In all: each query counts, and each further operator of a condition."""
MAX_CHARACTERS = 10_000
"""Of all texts and identifiers together: to fold one that Unicode spells out takes microseconds."""
MAX_VALUES_IN_ALL = 2_000
"""Of all lists of values together: each is hashed."""
MAX_ERRORS = 100
_SUGGESTIONS = 10

RANGES: tuple[Op, ...] = ("gt", "gte", "lt", "lte")
OPS: Mapping[Kind, tuple[Op, ...]] = {
    "text": ("eq", "in", "prefix", *RANGES, "exists"),
    "integer": ("eq", "in", *RANGES, "exists"),
    "time": ("eq", "in", *RANGES, "exists"),
    "boolean": ("eq", "exists"),
    "any": ("eq", "in", "prefix", *RANGES, "exists"),
}
"""What can be asked of a field, by the kind of its values."""

Shape = Literal["text", "ident", "field", "all", "any", "not"]
KEYS: Mapping[Shape, tuple[str, ...]] = {
    "text": ("text",),
    "ident": ("ident", "exact"),
    "field": ("field", *OPS["any"]),
    "all": ("all",),
    "any": ("any",),
    "not": ("not",),
}
"""The keys of a query, by the one that says what it is."""
_ALL_KEYS = tuple(dict.fromkeys(key for keys in KEYS.values() for key in keys))


def read_query(value: Json, pointer: str, *, personal: bool) -> Node:
    """The tree of a decoded JSON value.

    pointer: where the value stands in the body; errors are told below it. personal: the caller
    may see personal data, so an ident is also looked for as an email address and as a telephone
    number. Raises Invalid with all that is wrong, the first hundred.
    """
    reader = _Reader(personal)
    try:
        node = reader.node(value, pointer, 1)
    except _EnoughError:
        node = None
    if node is not None and not reader.errors:
        reader.refuse_unindexed(node)
    if node is None or reader.errors:
        raise Invalid(reader.errors[:MAX_ERRORS])
    return node


class _EnoughError(Exception):
    """There is no use in reading on."""


class _Reader:
    """Reads a query, and collects what is wrong in it; what is read answers None then, and reading
    goes on beside it."""

    def __init__(self, personal: bool) -> None:
        self.errors: list[FieldError] = []
        self._personal = personal
        self._clauses = 0
        self._characters = 0
        self._values = 0
        self._places: dict[int, str] = {}  # of the field of each Match, by its id()

    def node(self, value: Json, pointer: str, depth: int) -> Node | None:
        self._count(pointer)
        try:
            return self._read(value, pointer, depth)
        except Invalid as error:
            self.errors += error.errors
            return None

    def refuse_unindexed(self, node: Node) -> None:
        """An error for each condition that no index serves."""
        wrong = {self._places[id(match)]: match.field.name for match in unindexed(node)}
        for place, name in wrong.items():
            detail = (
                f"{name} is not indexed: put a text, an ident, or a condition on an indexed field"
                " (such as type, occurred_at or payload.gateway) beside it in an 'all'"
            )
            self.errors.append(FieldError(place, detail))

    def _count(self, pointer: str) -> None:
        self._clauses += 1
        if self._clauses > MAX_CLAUSES:
            detail = f"is one too many: a query has at most {MAX_CLAUSES} clauses"
            self.errors.append(FieldError(pointer, detail))
        if self._clauses > MAX_CLAUSES or len(self.errors) >= MAX_ERRORS:
            raise _EnoughError

    def _add(self, text: Json, pointer: str) -> None:
        self._characters += len(text) if type(text) is str else 0
        if self._characters > MAX_CHARACTERS:
            detail = (
                f"is too much: texts and idents have at most {MAX_CHARACTERS} characters in all"
            )
            self.errors.append(FieldError(pointer, detail))
            raise _EnoughError

    def _read(self, value: Json, pointer: str, depth: int) -> Node | None:
        if type(value) is not dict:
            raise Invalid.field(pointer, 'must be an object such as {"text": "..."}')
        if depth > MAX_DEPTH:
            raise Invalid.field(pointer, f"is nested deeper than {MAX_DEPTH} levels")
        shape = _shape(value, pointer)
        refuse_unknown(value, KEYS[shape], f"a query with {shape!r}", self.errors, pointer)
        place = child(pointer, shape)
        if shape == "text":
            self._add(value["text"], place)
            return self._leaf(read_words, value["text"], place)
        if shape == "ident":
            self._add(value["ident"], place)
            exact = self._leaf(boolean, value.get("exact", False), child(pointer, "exact"))
            read = partial(read_ident, exact=exact is True, personal=self._personal)
            return self._leaf(read, value["ident"], place)
        if shape == "field":
            return self._condition(value, pointer)
        return self._combined(value[shape], shape, place, depth + 1)

    def _combined(self, value: Json, shape: Shape, pointer: str, depth: int) -> Node | None:
        if shape == "not":
            part = self.node(value, pointer, depth)
            return None if part is None else Not(part)
        if type(value) is not list:
            raise Invalid.field(pointer, "must be a list of queries")
        if shape == "any" and not value:
            raise Invalid.field(pointer, "must have at least one part")
        parts = [self.node(part, child(pointer, at), depth) for at, part in enumerate(value)]
        found = tuple(part for part in parts if part is not None)
        if len(found) < len(parts):
            return None
        return All(found) if shape == "all" else Any(found)

    def _condition(self, value: dict[str, Json], pointer: str) -> Node | None:
        place = child(pointer, "field")
        field = self._leaf(self._known_field, value["field"], place)
        ops = [op for op in OPS["any"] if op in value]
        if len(value) == 1:  # else an operator is misspelt, and that has been said
            raise Invalid.field(pointer, f"needs one of {', '.join(OPS['any'])}")
        for _ in ops[1:]:
            self._count(pointer)
        if field is None or not ops:
            return None
        found = [self._match(field, op, value[op], child(pointer, op)) for op in ops]
        matches = tuple(one for one in found if one is not None)
        self._places.update((id(one), place) for one in matches)
        if len(matches) < len(ops):
            return None
        return matches[0] if len(matches) == 1 else All(matches)

    def _known_field(self, name: Json) -> Field:
        return known_field(name, suggest=len(self.errors) < _SUGGESTIONS)

    def _match(self, field: Field, op: Op, value: Json, pointer: str) -> Match | None:
        read = partial(scalar, field.kind, op)
        if op not in OPS[field.kind]:
            detail = f"is not for {field.name}, which takes {', '.join(OPS[field.kind])}"
            self.errors.append(FieldError(pointer, detail))
            return None
        if op != "in":
            one = self._leaf(read, value, pointer)
            return None if one is None else Match(field, op, one)
        if type(value) is not list or not 1 <= len(value) <= MAX_VALUES:
            detail = f"must be a list of 1 to {MAX_VALUES} values"
            self.errors.append(FieldError(pointer, detail))
            return None
        self._values += len(value)
        if self._values > MAX_VALUES_IN_ALL:
            detail = f"is too much: all lists together have at most {MAX_VALUES_IN_ALL:,} values"
            self.errors.append(FieldError(pointer, detail))
            raise _EnoughError
        found = [self._leaf(read, one, child(pointer, at)) for at, one in enumerate(value)]
        return Match(field, op, tuple(one for one in found if one is not None))

    def _leaf(self, read: Callable[[Json], T], value: Json, pointer: str) -> T | None:
        try:
            return read(value)
        except ValueError as error:
            self.errors.append(FieldError(pointer, str(error)))
            return None


def _shape(value: dict[str, Json], pointer: str) -> Shape:
    shapes = [shape for shape in KEYS if shape in value]
    if len(shapes) == 1:
        return shapes[0]
    if shapes:
        detail = f"has {' and '.join(shapes)}: make each a query of its own, in an 'all'"
        raise Invalid.field(pointer, detail)
    wrong: list[FieldError] = []
    refuse_unknown(value, _ALL_KEYS, "a query", wrong, pointer)
    raise Invalid(wrong or [FieldError(pointer, f"needs one of {', '.join(KEYS)}")])
