"""Parameters of the query string and of headers, declared once as a Struct and read strictly.

    class EventsQuery(Window):
        order_id: Text | None = None
        has_attachments: bool | None = None

    query = read_query(request.scope["query_string"], EventsQuery)

The declaration is also what the OpenAPI document shows. Everything wrong is told at once, as 422:
a value, an unknown name (with the nearest known one), a name given twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from domain.errors import Invalid
from domain.times import parse_duration_us, parse_us
from interfaces.http.problems import ParameterError, Place
from interfaces.http.refusals import refusal

MAX_INTEGER = 2**53 - 1
Q = TypeVar("Q", bound=Struct)
T = TypeVar("T")


class Instant(int):
    """Microseconds since 1970, given as an RFC 3339 time."""


class Duration(int):
    """Microseconds, given as an ISO 8601 duration of weeks, days, hours, minutes, seconds."""


Limit = Annotated[int, Meta(ge=1, le=1000, description="How many items a page has at most.")]
SafeInteger = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
_Sequence = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Cursor = Annotated[
    str,
    Meta(
        max_length=4096,
        description="`next_cursor` of the page before. It belongs to the query that gave it.",
    ),
]
From = Annotated[Instant, Meta(description="Only what occurred at this time or later.")]
To = Annotated[Instant, Meta(description="Only what occurred before this time.")]


class NoQuery(Struct, frozen=True):
    """An endpoint without query parameters."""


class Page(Struct, frozen=True, kw_only=True):
    """A page of a list."""

    limit: Limit = 50
    cursor: Cursor | None = None


class Numbered(Struct, frozen=True, kw_only=True):
    """A page of a short list."""

    page: Annotated[int, Meta(ge=1, le=1_000_000, description="The first is 1.")] = 1
    limit: Limit = 50


def numbered(items: Sequence[T], query: Numbered) -> Sequence[T]:
    """The page of a whole list."""
    start = (query.page - 1) * query.limit
    return items[start : start + query.limit]


class Window(Page, frozen=True, kw_only=True):
    """A page of what occurred from `from` (inclusive) to `to` (exclusive)."""

    from_: From | None = msgspec.field(default=None, name="from")
    to: To | None = None

    def __post_init__(self) -> None:
        refuse_reversed(self.from_, self.to, "from", "to")


def refuse_reversed(low: int | None, high: int | None, low_name: str, high_name: str) -> None:
    """Raises Invalid when a range ends before it starts."""
    if low is not None and high is not None and low > high:
        raise _invalid([_error("query", low_name, f"is after {high_name!r}")])


def read_query(query_string: bytes, shape: type[Q]) -> Q:
    """The query as `shape` declares it. Raises Invalid, naming every parameter that is wrong."""
    if not query_string:
        return _build(shape, {}, [])
    kinds = _kinds(shape)
    values: dict[str, Any] = {}
    wrong: list[ParameterError] = []
    seen: set[str] = set()
    for name, text in _pairs(query_string):
        if name not in kinds:
            wrong.append(_error("query", name[:100], _unknown(name, kinds)))
        elif name in seen:
            wrong.append(_error("query", name, "is given twice"))
        else:
            seen.add(name)
            attribute, kind = kinds[name]
            try:
                values[attribute] = _value(text, kind)
            except ValueError as error:
                wrong.append(_error("query", name, str(error)))
    return _build(shape, values, wrong)


def min_sequence(header: str | None) -> int | None:
    """`X-Min-Sequence`: the sequence a read model must have reached. Raises Invalid."""
    if header is None:
        return None
    try:
        return int(_value(header, _Sequence))
    except ValueError as error:
        raise _invalid([_error("header", "X-Min-Sequence", str(error))]) from None


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    try:
        text = query_string.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        detail = "is not percent-encoded UTF-8 with at most 100 parameters"
        raise _invalid([ParameterError("", detail, place="query")]) from None


def _build(shape: type[Q], values: dict[str, Any], wrong: list[ParameterError]) -> Q:
    for attribute, name in _required(shape):
        if attribute not in values and not any(e.pointer == f"/{name}" for e in wrong):
            wrong.append(_error("query", name, "is required"))
    if wrong:
        raise _invalid(wrong)
    return shape(**values)


@cache
def _kinds(shape: type[Struct]) -> dict[str, tuple[str, Any]]:
    """By name in the query: the attribute, and its type without `| None`."""
    fields = msgspec.structs.fields(shape)
    return {field.encode_name: (field.name, _given(field.type)) for field in fields}


@cache
def _required(shape: type[Struct]) -> tuple[tuple[str, str], ...]:
    """(attribute, name in the query) of what may not be left out. Reading a Struct's annotations
    anew at each request cost a tenth of it."""
    fields = msgspec.structs.fields(shape)
    return tuple((field.name, field.encode_name) for field in fields if field.required)


def _given(kind: Any) -> Any:
    if get_origin(kind) is Annotated:
        bare, *meta = get_args(kind)
        return Annotated[(_given(bare), *meta)]
    if get_origin(kind) in (Union, UnionType):
        return next(arm for arm in get_args(kind) if arm is not type(None))
    return kind


def _value(text: str, kind: Any) -> Any:
    """A value that fits its declaration; ValueError says what is wrong, and what is allowed."""
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if _CONTROL.search(text):
        raise ValueError("contains a control character")
    read = _READERS.get(bare)
    try:
        return msgspec.convert(read(text) if read else text, kind)
    except ValueError as error:
        raise ValueError(refusal(text, kind, error)) from None


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("is not a whole number")
    return int(text)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return text == "true"


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INTEGER = re.compile(r"-?[0-9]{1,16}", re.ASCII)
_READERS: dict[Any, Any] = {
    int: _integer,
    bool: _boolean,
    Instant: lambda text: Instant(parse_us(text)),
    Duration: lambda text: Duration(parse_duration_us(text)),
}


def _unknown(name: str, kinds: dict[str, Any]) -> str:
    near = get_close_matches(name[:100], kinds, n=1)
    if near:
        return f"is not a parameter here; did you mean {near[0]!r}?"
    known = ", ".join(kinds)
    return f"is not a parameter here; known are {known}" if known else "takes no parameters"


def _error(place: Place, name: str, detail: str) -> ParameterError:
    escaped = name.replace("~", "~0").replace("/", "~1")
    return ParameterError(f"/{escaped}", detail, place=place)


def _invalid(wrong: list[ParameterError]) -> Invalid:
    first = wrong[0]
    where = f"{first.place} parameter {first.pointer[1:]!r}" if first.pointer else "The query"
    return Invalid(wrong, f"{where} {first.detail}")
