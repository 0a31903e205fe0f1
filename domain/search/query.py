"""A question about a history, as a tree. It is true or false of one event.

    Words, Ident, Match     what an event says
    All, Any, Not           put together

A Match on an order's field is about the order that the event belongs to, as it is now. Events of
no order (the service's own) match no field of an order. `reading.py` makes a tree of JSON, and
checks it; `fields.py` says which fields there are.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from domain.search.fields import Field

Scalar = str | int | float | bool
Op = Literal["eq", "in", "prefix", "gt", "gte", "lt", "lte", "exists"]


class Words(Struct, frozen=True):
    """All of these words are in the event's type, source, or public strings of its payload, in any
    place. words: as `words.words` gives them, distinct, at least one."""

    words: tuple[str, ...]


class Ident(Struct, frozen=True):
    """One of the event's identifiers (`terms.py`) has this as a part, or is this where it is
    `exact`; or, for who may see personal data, its payload has this as an email address or a
    telephone number.

    value: as `words.ident` gives it. email, phone: how it is compared as such; None if it is none.
    """

    value: str
    exact: bool = False
    email: str | None = None
    phone: str | None = None


class Match(Struct, frozen=True):
    """A field, held against a value.

    value: for `in` a tuple of them, for `exists` a bool; for a field of times, microseconds since
    1970. Strings are compared as they are, by code point; numbers by value. A field in a payload
    may have several values (within lists): one that fits is enough. Without any, only
    `exists: false` is true. Null is no value.
    """

    field: Field
    op: Op
    value: Scalar | tuple[Scalar, ...]


class All(Struct, frozen=True):
    """Every part is true. Without parts: of any event."""

    parts: tuple[Words | Ident | Match | All | Any | Not, ...]


class Any(Struct, frozen=True):
    """A part is true; at least one is given."""

    parts: tuple[Words | Ident | Match | All | Any | Not, ...]


class Not(Struct, frozen=True):
    """The part is not true."""

    part: Words | Ident | Match | All | Any | Not


Node = Words | Ident | Match | All | Any | Not
