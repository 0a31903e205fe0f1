"""Which values of an order's events are a person's, where not all of them are.

Of an order of the person's own everything in the payloads is (vocabulary.md). Where the person is
only named in somebody else's order, as who receives it, say, the values around the name are: those
of the object that an email address stands in, and of objects under the same name in other events of
the order that say the same of whom they are about. A text that holds the address goes by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct, structs

from domain.pointers import of_path
from domain.privacy.sealing import PLACEHOLDER
from domain.search.words import email as as_email

Path = tuple[str | int, ...]
_TELLING = ("email", "phone", "name", "line1", "last_name")
"""Names of values that tell of two objects whether they are about the same person."""


class Value(Struct, frozen=True):
    """A personal value of an event; None once it is not disclosed. path: into the event, its first
    element `payload` or `metadata`; field: what an event that changes an address says it changes.
    """

    path: Path
    digest: str
    value: Any
    field: str | None = None

    @property
    def pointer(self) -> str:
        """As a JSON pointer."""
        return of_path(self.path[1:], f"/{self.path[0]}")

    @property
    def within(self) -> Path:
        """The object that it stands in; of a value beside the payload's other fields, itself."""
        return self.path[:-1] if len(self.path) > 2 else self.path

    @property
    def shape(self) -> Path:
        """That object's place in an order, whatever the places in its lists, and whether the event
        tells of a change of it."""
        named = [self.field] if self.field is not None else []
        steps: list[str | int] = []
        for step in self.within:
            if step in ("before", "after"):
                steps += named
            elif step != "patch" and type(step) is str:
                steps.append(step)
        return tuple(steps)


def every(body: Any, name: str, disclosed: Mapping[str, Any]) -> list[Value]:
    """The personal values of a payload or of metadata (`name`), in their order; the value of one
    that is not disclosed is None."""
    found: list[Value] = []
    _place(body, (name,), disclosed, found)
    field = body.get("field") if type(body) is dict else None
    if type(field) is not str:
        return found
    return [structs.replace(one, field=field) for one in found]


def _place(value: Any, path: Path, disclosed: Mapping[str, Any], found: list[Value]) -> None:
    if type(value) is dict:
        digest = value.get(PLACEHOLDER)
        if digest is not None:
            found.append(Value(path, digest, disclosed.get(digest)))
            return
        for key, inner in value.items():
            _place(inner, (*path, key), disclosed, found)
    elif type(value) is list:
        for at, inner in enumerate(value):
            _place(inner, (*path, at), disclosed, found)


def placeholders(bodies: Mapping[str, Any]) -> dict[str, str]:
    """pointer -> digest of all that is personal in the payload and the metadata of an event."""
    found: list[Value] = []
    for name, body in bodies.items():
        _place(body, (name,), {}, found)
    return {one.pointer: one.digest for one in found}


def is_customer(events: Iterable[Sequence[Value]], *addresses: str) -> bool:
    """Whether one of these email addresses is that of the order's customer: it stands under
    `customer`, or as the `email` of the payload itself."""
    return any(
        _says(one, addresses) and (one.path == ("payload", "email") or "customer" in one.path)
        for values in events
        for one in values
        if one.path[0] == "payload"
    )


class Named:
    """Tells which values of an order's events are of who has these email addresses, and is not the
    order's customer. Every event is to be looked at before any is asked for."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses
        self._said: set[tuple[str, str]] = set()
        self._objects: set[Path] = set()

    def look(self, values: Sequence[Value]) -> None:
        """At the values of an event."""
        around = {one.within for one in values if _says(one, self._addresses)}
        for one in values:
            if one.within in around and len(one.path) > 2:
                self._objects.add(one.shape)
                self._said |= _telling(one)

    def of(self, values: Sequence[Value]) -> list[Value]:
        """Those of an event's values that are theirs."""
        theirs = {
            one.within
            for one in values
            if _says(one, self._addresses)
            or (one.shape in self._objects and _telling(one) & self._said)
        }
        return [one for one in values if one.within in theirs or _says(one, self._addresses)]


def _telling(one: Value) -> set[tuple[str, str]]:
    """What a value says of whom its object is about."""
    name = one.path[-1]
    if name not in _TELLING or type(one.value) is not str or not one.value.strip():
        return set()
    return {(str(name), one.value.strip().casefold())}


def _says(one: Value, addresses: Sequence[str]) -> bool:
    """Whether the value is, or holds, one of them; compared as search compares them."""
    return any(
        "@" in text and (as_email(text) in addresses or any(mentions(text, at) for at in addresses))
        for text in _texts(one.value)
    )


def mentions(text: str, name: str) -> bool:
    """Whether a text holds an address or an id, upper and lower case alike; not as a part of a
    longer one, which is somebody else's."""
    return _mention(name).search(text) is not None


@lru_cache(maxsize=64)
def _mention(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.+-]){re.escape(name)}(?![\w-]|\.\w)", re.IGNORECASE)


def _texts(value: Any) -> Iterable[str]:
    if type(value) is str:
        yield value
    elif type(value) is dict:
        for inner in value.values():
            yield from _texts(inner)
    elif type(value) is list:
        for inner in value:
            yield from _texts(inner)
