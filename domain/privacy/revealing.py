"""Filling personal values back into canonical JSON, as bytes.

A placeholder is `{"_sd":"<digest>"}`. Input may not contain the key `_sd`. Within a string a quote
stands behind a backslash; the one of `{"` could only end a string, and then no letter would follow:
so in encoded JSON these bytes can be nothing else. They are replaced where they stand, and the rest
is never decoded.

What is revealed to a reader is noted in a Shown, and so comes into the access log. What nobody
reads (comparing, folding), and what its sender has just said itself, is filled in by `fill`;
tests/test_revealing.py lists who may.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

MASKED = b'{"masked":true}'
"""What a caller reads who may not see personal data."""

ERASED = b'{"erased":true}'
"""What is left of a value whose disclosure is gone."""

_COLON, _ESCAPE = b":\\"
_MARK = b'{"_sd":"'
_PLACEHOLDER = re.compile(rb'\{"_sd":"([A-Za-z0-9_-]{43})"\}')


def holds_personal(encoded: bytes) -> bool:
    """Whether there is a placeholder in it."""
    return _MARK in encoded


def mask(encoded: bytes) -> bytes:
    """Every personal value as `{"masked":true}`."""
    return _PLACEHOLDER.sub(MASKED, encoded) if _MARK in encoded else encoded


def mask_some(encoded: bytes, hidden: Iterable[str]) -> bytes:
    """The personal values with these digests as `{"masked":true}`; the others are left as they
    are."""
    for digest in hidden:
        encoded = encoded.replace(b'%b%b"}' % (_MARK, digest.encode("ascii")), MASKED)
    return encoded


class Shown:
    """What personal values an answer shows. names: under which they stand, in UTF-8; orders: whose
    they are; values: how many; things: in how many events, states or lines. logged: whether the
    read is to be logged; always where anything is shown."""

    __slots__ = ("logged", "names", "orders", "things", "values")

    def __init__(self) -> None:
        self.names: set[bytes] = set()
        self.orders: set[str] = set()
        self.things = self.values = 0
        self.logged = False

    @property
    def fields(self) -> list[str]:
        """The names, sorted."""
        return sorted(name.decode() for name in self.names)

    def note(self, fields: Iterable[str], values: int) -> None:
        """One thing more, with so many values, under these names."""
        self.names.update(field.encode() for field in fields)
        self.values += values
        self.things += 1
        self.logged = True


def fill(encoded: bytes, disclosed: Mapping[str, object]) -> bytes:
    """Every personal value by its digest; one that is not disclosed as `{"erased":true}`."""
    if _MARK not in encoded:
        return encoded

    def value(match: re.Match[bytes]) -> bytes:
        digest = match[1].decode("ascii")
        return msgspec.json.encode(disclosed[digest]) if digest in disclosed else ERASED

    return _PLACEHOLDER.sub(value, encoded)


def reveal(
    encoded: bytes,
    disclosed: Mapping[str, object],
    shown: Shown,
    order_of: Callable[[bytes], str | None],
    visible: Callable[[str], bool] | None = None,
) -> bytes:
    """The same, for a reader: what is filled in is noted. `order_of`, asked where something is,
    tells from the encoded JSON whose it is. A value whose digest is not `visible` to the reader is
    `{"masked":true}`."""
    if _MARK not in encoded:
        return encoded
    before, add = shown.values, shown.names.add

    def value(match: re.Match[bytes]) -> bytes:
        digest = match[1].decode("ascii")
        if digest not in disclosed:
            return ERASED
        if visible is not None and not visible(digest):
            return MASKED
        # The name before the value, cut out. This is done for each value of each answer.
        start = match.start()
        begin = encoded.rfind(b'"', 0, start - 2)
        name = encoded[begin + 1 : start - 2]
        if encoded[start - 1] != _COLON or encoded[begin - 1] == _ESCAPE or b"\\" in name:
            name = (_name_of(msgspec.json.decode(encoded), digest, "") or "").encode()
        add(name)
        shown.values += 1
        return msgspec.json.encode(disclosed[digest])

    filled = _PLACEHOLDER.sub(value, encoded)
    if shown.values > before:
        shown.things += 1
        shown.logged = True
        if (order_id := order_of(encoded)) is not None:
            shown.orders.add(order_id)
    return filled


def _name_of(value: Any, digest: str, name: str) -> str | None:
    """The name under which a placeholder stands within a value that stands under `name`; of an item
    of a list, that of the list. None: it is not in there."""
    if type(value) is dict:
        if value.get("_sd") == digest:
            return name
        members: Iterable[tuple[str, Any]] = value.items()
    elif type(value) is list:
        members = ((name, item) for item in value)
    else:
        return None
    found = (_name_of(inner, digest, key) for key, inner in members)
    return next((one for one in found if one is not None), None)


def digests(encoded: bytes) -> list[str]:
    """The digests of all placeholders, in the order in which they stand."""
    return [digest.decode("ascii") for digest in _PLACEHOLDER.findall(encoded)]
