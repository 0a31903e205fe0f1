"""Saved searches: what a tenant keeps and shares. Such a search stands in plain text, so nothing
personal may be in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any as Json
from unicodedata import normalize

from msgspec import Struct

from domain.errors import FieldError
from domain.pointers import child
from domain.privacy.cards import holds_card
from domain.privacy.classify import holds_email
from domain.search.fields import FIELDS
from domain.search.query import All, Match, Node
from domain.search.reading import MAX_ERRORS
from domain.search.values import read_ident, string
from domain.times import parse_duration_us

MOST_SAVED = 1000
"""Saved searches of a tenant."""
MAX_NAME = 200
MAX_DESCRIPTION = 1000
"""Characters."""
MAX_SEARCH = 64 * 1024
"""Bytes of a search, as canonical JSON."""

_KEPT = "a saved search is shared and kept: it must hold no "
_EMAIL = f"{_KEPT}email address"
_CARD = f"{_KEPT}card number"
_PHONE = f"{_KEPT}telephone number"
_DIGITS = (
    f"{_PHONE}, and this may be one; look for the number of an order or a parcel by its field,"
    " such as payload.tracking_number"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WRITTEN_PHONE = re.compile(r"\+[0-9](?:[ ().-]{0,3}[0-9]){5}", re.ASCII)


class Draft(Struct, frozen=True):
    """What a user says of a saved search. search: canonical JSON of a body of POST /search; last:
    an ISO 8601 duration, to be asked only about what occurred so long ago or later."""

    name: str
    description: str | None
    search: bytes
    last: str | None


class SavedSearch(Struct, frozen=True):
    """A saved search. version: 1, and one more with each change."""

    tenant_id: str
    search_id: str
    draft: Draft
    version: int
    created_by: str
    created_us: int
    changed_by: str
    changed_us: int


def read_name(value: Json) -> str:
    """The name of a saved search. Raises ValueError, as `read_last`."""
    name = string(value, MAX_NAME)
    if not name or name != name.strip():
        raise ValueError("must have a character, and no white space at its ends")
    if _CONTROL.search(name):
        raise ValueError("must not hold control characters")
    return name


def read_last(value: Json) -> str:
    """How far back a saved search looks, an ISO 8601 duration."""
    last = string(value)
    if parse_duration_us(last) == 0:
        raise ValueError("must be longer than no time")
    return last


def since(draft: Draft, now_us: int) -> int | None:
    """The first microsecond that a search is about when it is asked now; None: it does not say."""
    return None if draft.last is None else now_us - parse_duration_us(draft.last)


def newer(node: Node, since_us: int | None) -> Node:
    """The question, about what occurred at this time or later."""
    if since_us is None:
        return node
    return All((node, Match(FIELDS["occurred_at"], "gte", since_us)))


def personal_places(value: Json, pointer: str) -> list[FieldError]:
    """An error for each place in decoded JSON (`pointer`: where that stands) where there is what
    can be told to be personal, the first hundred: an email address, a telephone number, a card
    number. An `ident` that may be a telephone number, as any number without letters may, counts."""
    found = (
        FieldError(place, detail)
        for place, name, leaf in _leaves(value, pointer, "")
        if (detail := _personal(name, leaf)) is not None
    )
    return list(islice(found, MAX_ERRORS))


def _leaves(value: Json, pointer: str, name: str) -> Iterator[tuple[str, str, str]]:
    """(pointer, name that it stands at, text) of every string and whole number."""
    if type(value) is dict:
        for key, inner in value.items():
            yield from _leaves(inner, child(pointer, key), key)
    elif type(value) is list:
        for at, inner in enumerate(value):
            yield from _leaves(inner, child(pointer, at), name)
    elif type(value) is str or type(value) is int:
        yield pointer, name, str(value)


def _personal(name: str, text: str) -> str | None:
    plain = normalize("NFKC", text)
    if holds_email(plain):
        return _EMAIL
    if holds_card(plain):
        return _CARD
    if _WRITTEN_PHONE.search(plain):
        return _PHONE
    if name == "ident":
        try:
            asked = read_ident(text, exact=True, personal=True)
        except ValueError:  # no search has it
            return None
        if asked.email is not None:
            return _EMAIL
        if asked.phone is not None:
            return _DIGITS
    return None
