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

from domain.privacy.sealing import Opened

MASKED = b'{"masked":true}'
"""What a caller reads who may not see personal data."""

ERASED = b'{"erased":true}'
"""What is left of a value whose disclosure is gone."""

_MARK = b'{"_sd":"'
_PLACEHOLDER = re.compile(rb'\{"_sd":"([A-Za-z0-9_-]{43})"\}')
_encode = msgspec.json.Encoder().encode


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
    """What personal values an answer shows. fields: the names under which they stand; orders: whose
    they are; values: how many; things: in how many events, states or lines; always: the read is to
    be logged even if it shows none."""

    __slots__ = ("always", "fields", "orders", "things", "values")

    def __init__(self) -> None:
        self.fields: set[str] = set()
        self.orders: set[str] = set()
        self.things = self.values = 0
        self.always = False

    @property
    def logged(self) -> bool:
        """Whether the read is to be logged."""
        return self.values > 0 or self.always

    def note(self, fields: Iterable[str], values: int) -> None:
        """One thing more, with so many values, under these names; at least one."""
        self.fields.update(fields)
        self.values += values
        self.things += 1


def fill(encoded: bytes, disclosed: Mapping[str, object]) -> bytes:
    """Every personal value by its digest; one that is not disclosed as `{"erased":true}`."""
    if _MARK not in encoded:
        return encoded

    pieces = _PLACEHOLDER.split(encoded)  # at each odd place a digest
    for at in range(1, len(pieces), 2):
        digest = pieces[at].decode("ascii")
        pieces[at] = _encode(disclosed[digest]) if digest in disclosed else ERASED
    return b"".join(pieces)


def revealing(
    disclosed: Opened,
    shown: Shown,
    order_of: Callable[[bytes], str | None],
    visible: Callable[[str], bool] | None = None,
) -> Callable[[bytes], bytes]:
    """`fill` for a reader: what is filled in is noted. `order_of`, asked where something is, tells
    from the encoded JSON whose it is. A value whose digest is not `visible` to the reader is
    `{"masked":true}`."""
    # A closure, and what it works with at hand: it is what a short read pays for being logged.
    names, fields = disclosed.names, shown.fields

    def reveal(encoded: bytes) -> bytes:
        if _MARK not in encoded:
            return encoded
        pieces, values = _PLACEHOLDER.split(encoded), 0
        for at in range(1, len(pieces), 2):
            digest = pieces[at].decode("ascii")
            if digest not in disclosed:
                pieces[at] = ERASED
            elif visible is not None and not visible(digest):
                pieces[at] = MASKED
            else:
                pieces[at] = _encode(disclosed[digest])
                values += 1
                if (name := names[digest]) not in fields:
                    fields.add(_field_of(name, digest, encoded))
        if values:
            shown.values += values
            shown.things += 1
            if (order_id := order_of(encoded)) is not None:
                shown.orders.add(order_id)
        return b"".join(pieces)

    return reveal


def _field_of(name: str, digest: str, encoded: bytes) -> str:
    """The field of a value that is disclosed under this name."""
    if not name.isdigit():
        return name
    # Perhaps an item of a list, whose disclosure has its place there.
    return _name_of(msgspec.json.decode(encoded), digest, "") or ""


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
