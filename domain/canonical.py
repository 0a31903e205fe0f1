"""Strict JSON in, canonical JSON (RFC 8785, "JCS") out.

What `decode` accepts has exactly one canonical form on every machine, so its hash can be checked
by anyone. Equal numbers are one value here, as RFC 8785 writes them: `1.0` and `1e0` decode to
the int 1, `-0.0` to 0; a float that remains is never a whole number below 1e21.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import rfc8785

from domain.errors import Unreadable

MAX_DEPTH = 64
"""Objects and lists inside each other, the outermost counted."""

MAX_INTEGER = 2**53 - 1
"""Beyond it integers do not survive a binary64 reader (I-JSON, RFC 7493)."""

_EXPONENT_FROM = 1e21
"""RFC 8785 writes whole numbers below this as digits, from here on with an exponent."""

_MSGSPEC_EXPONENT_BELOW = 1e-5
"""msgspec writes smaller numbers with an exponent, RFC 8785 only those below 1e-6."""

_WHITE_SPACE = b" \t\r\n"
_ASTRAL = re.compile(rb"[\xf0-\xf4]")


def decode(raw: bytes) -> Any:
    """Parse JSON that hashes the same everywhere.

    Raises Unreadable, saying why, for anything else: not UTF-8, malformed, duplicate keys, NaN,
    lone surrogates, numbers beyond binary64, whole numbers beyond ±(2^53-1), depth over 64.
    """
    try:
        value = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = _explain(raw, error)
    else:
        _check_duplicates(raw, _count_keys(value, 1) if isinstance(value, (dict, list)) else 0)
        return _in_range(value) if type(value) is int else value
    raise Unreadable(message)  # outside the except block: its context would carry the body along


def encode(value: Any) -> bytes:
    """Canonical bytes of a JSON value. Raises ValueError for what JSON or RFC 8785 cannot hold."""
    if not _is_plain(value):
        return rfc8785.dumps(value)
    text = _encode(value)
    # RFC 8785 sorts keys by UTF-16 units, msgspec by code points: the same but for astral ones.
    return text if text.isascii() or not _ASTRAL.search(text) else rfc8785.dumps(value)


def _number(text: str) -> int | float:
    number = float(text)
    if number.is_integer() and abs(number) < _EXPONENT_FROM:
        return _in_range(int(number))
    if number - number != 0:
        raise Unreadable("a number is beyond the range of binary64; send it as a string")
    return number


_decode = msgspec.json.Decoder(float_hook=_number).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


def _in_range(number: int) -> int:
    if -MAX_INTEGER <= number <= MAX_INTEGER:
        return number
    raise Unreadable("an integer is beyond ±(2^53-1); send it as a string")


def _count_keys(value: dict[str, Any] | list[Any], depth: int) -> int:
    """The number of keys in a tree. Raises Unreadable for depth and integers on the way."""
    if depth > MAX_DEPTH:
        raise Unreadable(f"nested deeper than {MAX_DEPTH} levels")
    if type(value) is dict:
        keys = len(value)
        children: Any = value.values()
    else:
        keys, children = 0, value
    for child in children:
        kind = type(child)
        if kind is str:
            continue
        if kind is dict or kind is list:
            keys += _count_keys(child, depth + 1)
        elif kind is int and not -MAX_INTEGER <= child <= MAX_INTEGER:
            _in_range(child)
    return keys


def _check_duplicates(raw: bytes, keys: int) -> None:
    """Without white space every key ends in a quote and a colon, and strings can only add such
    places: if there are as many as keys survived decoding, no key came twice. Else a slow parse
    decides."""
    if raw.translate(None, _WHITE_SPACE).count(b'":') != keys:
        json.loads(raw, object_pairs_hook=_refuse_duplicates)


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Unreadable("an object has the same key twice")


def _explain(raw: bytes, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"nested deeper than {MAX_DEPTH} levels"
    if isinstance(error, msgspec.ValidationError):
        return "a number is beyond the range of binary64; send it as a string"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if raw.startswith(b"\xef\xbb\xbf"):
        return "starts with a byte order mark; send JSON in UTF-8 without one"
    if not raw.strip():
        return "empty; expected JSON"
    if b"\\ud" in raw.lower():
        return f"{error}; a \\ud800-\\udfff escape needs its other half"
    return str(error)


def _is_plain(value: Any) -> bool:
    """Whether msgspec writes every number in here as RFC 8785 does."""
    kind = type(value)
    if kind is dict:
        return _all_plain(value.values())
    if kind is list or kind is tuple:
        return _all_plain(value)
    if kind is float:
        magnitude: float = abs(value)
        whole: bool = value.is_integer()
        return _MSGSPEC_EXPONENT_BELOW <= magnitude <= MAX_INTEGER and not whole
    return kind is not int or -MAX_INTEGER <= value <= MAX_INTEGER


def _all_plain(values: Any) -> bool:
    for value in values:  # noqa: SIM110  (a generator costs double)
        if type(value) is not str and not _is_plain(value):
            return False
    return True
