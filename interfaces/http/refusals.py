"""What is said of a parameter whose value is not allowed: what was given, and what is.

A value is repeated only where it can be neither a person's nor a card's number: a short number in
the place of a number, a plain word in the place of a choice.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import Meta
from msgspec.inspect import BoolType, IntType, LiteralType, Metadata, StrType

_NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_DIGITS = re.compile(r"-?[0-9]+", re.ASCII)
_WORD = re.compile(r"[A-Za-z_.-]{1,30}", re.ASCII)
_PLUS = re.compile(r" \d\d:\d\d$", re.ASCII)


def refusal(text: str, kind: Any, error: ValueError) -> str:
    """What is wrong with `text` as a value of `kind`, of which reading said `error`."""
    info = msgspec.inspect.type_info(kind)
    if isinstance(info, Metadata):
        info = info.type
    match info:
        case IntType():
            return _number(text, info)
        case BoolType():
            return "must be true or false"
        case LiteralType():
            given = f"is {text!r}; " if _WORD.fullmatch(text) else ""
            return f"{given}must be {' or '.join(map(str, info.values))}"
        case StrType():
            return _text(text, info, _description(kind))
        case _:
            return f"{error}; send a + in it as %2B" if _PLUS.search(text) else str(error)


def _number(text: str, info: IntType) -> str:
    bounded = info.ge is not None or info.le is not None
    allowed = f" {_range(info.ge, info.le)}" if bounded else ""
    if not _DIGITS.fullmatch(text):
        return f"must be a whole number{allowed}"
    return f"is {text}; must be{allowed}" if _NUMBER.fullmatch(text) else f"must be{allowed}"


def _text(text: str, info: StrType, description: str) -> str:
    low, high = info.min_length or 0, info.max_length
    if len(text) < low or (high is not None and len(text) > high):
        return f"has {len(text)} characters; must have {_range(low or None, high)}"
    return f"must match {info.pattern}: {description}"


def _range(low: int | None, high: int | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"


def _description(kind: Any) -> str:
    meta = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    told = (one.description for one in meta if isinstance(one, Meta) and one.description)
    return " ".join(told).replace("`", "")
