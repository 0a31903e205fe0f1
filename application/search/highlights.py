"""Where in an event, as its reader sees it, the words and identifiers of a question stand.

Nothing is looked up: what a reader may not see is not in the view, and cannot be marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any as Json

import msgspec
from msgspec import Struct

from domain.pointers import LONGEST, child
from domain.search.query import All, Any, Ident, Node, Words
from domain.search.terms import Place, said_by
from domain.search.words import email, ident, phone, words

MOST = 20
"""Places that are told of one event."""


class Highlight(Struct, frozen=True):
    """A place in the event, and what stands there of the question: words, folded as they are
    compared, or a whole identifier as it is written."""

    pointer: str
    matches: tuple[str, ...]


class Highlighter:
    """Marks what a question asks for; what it excludes is not marked."""

    def __init__(self, node: Node) -> None:
        leaves = list(_leaves(node))
        self._words = {word for one in leaves if isinstance(one, Words) for word in one.words}
        self._idents = [one for one in leaves if isinstance(one, Ident)]

    def marked(self, view: bytes) -> bytes:
        """The view of an event with a last field `highlights`, a list of Highlight."""
        found = msgspec.json.encode(self.of(msgspec.json.decode(view)))
        return b'%b,"highlights":%b}' % (view[:-1], found)

    def of(self, event: Mapping[str, Json]) -> list[Highlight]:
        """The places in a decoded view, in its order, the first MOST."""
        found: list[Highlight] = []
        if not self._words and not self._idents:
            return found
        for pointer, name, parent, value in _strings(event):
            matches = self._matches(_place(name, parent), name, value)
            if matches and len(pointer) <= LONGEST:
                found.append(Highlight(pointer, matches))
                if len(found) == MOST:
                    break
        return found

    def _matches(self, place: Place, name: str, value: str | int) -> tuple[str, ...]:
        if any(self._is(one, place, name, value) for one in self._idents):
            return (str(value),)
        if place.says != "words" or not self._words or not isinstance(value, str):
            return ()
        return tuple(dict.fromkeys(word for word in words(value) if word in self._words))

    @staticmethod
    def _is(one: Ident, place: Place, name: str, value: str | int) -> bool:
        text = str(value)
        if place.says == "ident":
            folded = ident(text)
            if one.value == folded or (not one.exact and one.value in folded):
                return True
        if one.email is not None and "@" in text and email(text) == one.email:
            return True
        return one.phone is not None and name == "phone" and phone(text) == one.phone


def _leaves(node: Node) -> Iterator[Node]:
    match node:
        case All(parts=parts) | Any(parts=parts):
            for part in parts:
                yield from _leaves(part)
        case Words() | Ident():
            yield node


_Found = tuple[str, str, str, str | int]


def _strings(event: Mapping[str, Json]) -> Iterator[_Found]:
    """(pointer, name, name above it, value) of what can be marked."""
    for name in ("type", "source", "order_id"):
        if name in event:
            yield f"/{name}", name, "", event[name]
    yield from _within(event["payload"], "/payload", "", "")


def _within(value: Json, pointer: str, name: str, parent: str) -> Iterator[_Found]:
    if isinstance(value, dict):
        for inner, one in value.items():
            yield from _within(one, child(pointer, inner), inner, name)
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _within(one, child(pointer, at), name, parent)
    elif isinstance(value, str) or type(value) is int:
        yield pointer, name, parent, value


@lru_cache(maxsize=4096)
def _place(name: str, parent: str) -> Place:
    """What a string is made of under this name, below that one."""
    payload = {parent: {name: ""}} if parent else {name: ""}
    place: Place = said_by("", "", None, payload, None).found[-1][0]
    return place
