"""Filling personal values back into canonical JSON, as bytes.

A placeholder is `{"_sd":"<digest>"}`. Input may not contain the key `_sd`. Within a string a quote
stands behind a backslash; the one of `{"` could only end a string, and then no letter would follow:
so in encoded JSON these bytes can be nothing else. They are replaced where they stand, and the rest
is never decoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

MASKED = b'{"masked":true}'
"""What a caller reads who may not see personal data."""

ERASED = b'{"erased":true}'
"""What is left of a value whose disclosure is gone."""

_MARK = b'{"_sd":"'
_PLACEHOLDER = re.compile(rb'\{"_sd":"([A-Za-z0-9_-]{43})"\}')


def holds_personal(encoded: bytes) -> bool:
    """Whether there is a placeholder in it."""
    return _MARK in encoded


def mask(encoded: bytes) -> bytes:
    """Every personal value as `{"masked":true}`."""
    return _PLACEHOLDER.sub(MASKED, encoded) if _MARK in encoded else encoded


def reveal(
    encoded: bytes,
    disclosed: Mapping[str, object],
    shown: Callable[[str], bool] | None = None,
) -> bytes:
    """Every personal value by its digest; one that is not disclosed as `{"erased":true}`, one whose
    digest is not `shown` as `{"masked":true}`."""
    if _MARK not in encoded:
        return encoded

    def value(match: re.Match[bytes]) -> bytes:
        digest = match[1].decode("ascii")
        if digest not in disclosed:
            return ERASED
        if shown is not None and not shown(digest):
            return MASKED
        return msgspec.json.encode(disclosed[digest])

    return _PLACEHOLDER.sub(value, encoded)


def digests(encoded: bytes) -> list[str]:
    """The digests of all placeholders, in the order in which they stand."""
    return [digest.decode("ascii") for digest in _PLACEHOLDER.findall(encoded)]
