"""What stands at the ends of a query: a text, an identifier, a field's name, a value held against
it. Each raises ValueError that says what is expected; none repeats the value, which may be
personal."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from domain.canonical import MAX_INTEGER
from domain.privacy.cards import holds_card
from domain.privacy.classify import always_personal, holds_email
from domain.pseudonyms.form import is_pseudonym
from domain.search.fields import Field, Kind, field_named
from domain.search.query import Ident, Op, Scalar, Words
from domain.search.words import LONGEST_IDENT, SHORTEST_PART, email, ident, phone, words
from domain.times import parse_us

N = TypeVar("N", int, float)

MAX_TEXT = 1000
"""Characters of a text."""
MAX_WORDS = 32
"""Different words of one text."""
MAX_STRING = 200
"""Characters of any other string."""
MAX_VALUES = 1000
"""Of one `in`."""

_LETTER = re.compile(r"[^\W\d_]")


def read_words(value: Any) -> Words:
    """The words of a text."""
    found = tuple(dict.fromkeys(words(string(value, MAX_TEXT))))
    if not found:
        raise ValueError("has no word: no letter and no digit")
    if len(found) > MAX_WORDS:
        raise ValueError(f"must have at most {MAX_WORDS} different words")
    return Words(found)


def read_ident(value: Any, *, exact: bool, personal: bool) -> Ident:
    """An identifier. personal: it may be looked for as an email address too, and as a telephone
    number, which an identifier with letters is not, unless it is a pseudonym."""
    text = string(value)
    folded = ident(text)
    if not folded:
        raise ValueError(f"must have 1 to {LONGEST_IDENT} characters besides white space")
    if len(folded) < SHORTEST_PART and not exact:
        raise ValueError(f'must have {SHORTEST_PART} characters or more, or "exact": true beside')
    if not personal:
        return Ident(folded, exact)
    return Ident(
        folded,
        exact,
        email=email(text) if "@" in folded else None,
        phone=phone(folded) if is_pseudonym(folded) or not _LETTER.search(text) else None,
    )


def known_field(value: Any, *, suggest: bool = True) -> Field:
    """The field of this name. suggest: say which name is near, at the price of comparing it to
    all."""
    name = string(value)
    if holds_email(name) or holds_card(name):
        raise ValueError("is no field here")
    field = field_named(name, suggest=suggest)
    if always_personal(field.path):
        raise ValueError("is personal: look for an email address or a telephone number with ident")
    return field


def scalar(kind: Kind, op: Op, value: Any) -> Scalar:
    """The value of an operator (of `in`, one of them); times are microseconds since 1970."""
    if value is None:
        raise ValueError("is null, which is no value; ask with exists: false for what has none")
    if op == "exists" or kind == "boolean":
        return boolean(value)
    if kind == "time":
        return _time(value)
    if kind == "integer":
        return _integer(value)
    if kind == "text" or op == "prefix":
        return string(value)
    return _anything(value, ordered=op not in {"eq", "in"})


def string(value: Any, longest: int = MAX_STRING) -> str:
    """A string of so many characters. U+0000 no event and no database holds."""
    if type(value) is not str:
        raise ValueError("must be a string")
    if len(value) > longest:
        raise ValueError(f"must have at most {longest} characters")
    if "\0" in value:
        raise ValueError("must not hold U+0000")
    return value


def boolean(value: Any) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise ValueError("must be true or false")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("must be a whole number")
    return _within(value)


def _within(value: N) -> N:
    if -MAX_INTEGER <= value <= MAX_INTEGER:
        return value
    raise ValueError("must be within ±(2^53-1)")


def _time(value: Any) -> int:
    if type(value) is not str:
        raise ValueError("must be a string, an RFC 3339 time such as 2025-08-29T12:34:56Z")
    return parse_us(value)


def _anything(value: Any, ordered: bool) -> Scalar:
    if type(value) is str:
        return string(value)
    if type(value) is int or type(value) is float:
        return _within(value)
    if type(value) is bool and not ordered:
        return value
    raise ValueError(f"must be a string or a number{'' if ordered else ', or true or false'}")
