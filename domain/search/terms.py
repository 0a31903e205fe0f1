"""The terms of an event: everything by which an index finds it. Questions are put in them too.

    ("word", "", word)          a word of its type, its source or its payload
    ("ident", "", value)        an identifier: its order's, or one that its payload names
    ("pair", field, value)      a field of `fields.py` has this value, as canonical JSON
    ("exists", field, "")       a field of `fields.py` has a value
    ("email" | "phone", "", it) its payload has this personal value

Personal values stand in an event as digests and give no term but the last two, which are made of
what is disclosed of them. `hashing.py` keeps plain terms out of the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from domain import canonical
from domain.privacy.sealing import PLACEHOLDER
from domain.search.fields import FIELDS, Field
from domain.search.words import email, ident, phone, words
from domain.times import parse_us

TermKind = Literal["word", "ident", "pair", "exists", "email", "phone"]
Term = tuple[TermKind, str, str]
"""(kind, name of the field or "", value)."""

MOST_TERMS = 2000
"""Terms of one event up to which words are kept, in the order of the payload's names: what else it
says comes before all words."""
MOST_EXACT = 25_000
"""Terms that are no words: of all items that an event of the greatest size can have. What an event
has beyond that (a list of so many numbers, say) is left out, the last first."""

_IDENTIFIERS = frozenset(("number", "tracking_number", "sku", "rma"))


class Place(Struct, frozen=True, eq=False):
    """Where a value stands. field: that of `fields.py` which is there; says: what a string there
    is made of: an identifier (also a whole number), words, or nothing but the field's value."""

    field: Field | None
    says: Literal["ident", "words", "nothing"]

    def terms(self, value: object) -> list[Term]:
        """The terms of a string, number or boolean that stands here; an identifier first."""
        kind = type(value)
        terms: list[Term] = []
        if self.says == "words":
            if kind is str:
                terms = [("word", "", word) for word in words(str(value))]
        elif (
            self.says == "ident" and (kind is str or kind is int) and (folded := ident(str(value)))
        ):
            terms = [("ident", "", folded)]
        field = self.field
        if field is not None:
            terms.append(("exists", field.name, ""))
            # A number is no time, though times are compared by the number of their microseconds.
            comparable = kind is str or field.kind != "time"
            compared = pair_value(field, value) if comparable else None
            if compared is not None:
                terms.append(("pair", field.name, compared))
        return terms


Found = tuple[Any, ...]
"""(place, value), of what is no string (place, value, its class): so that 1 and true differ."""


class Said(Struct, frozen=True):
    """What an event says. sealed: (name, digest) of each personal value in its payload."""

    found: list[Found]
    sealed: list[tuple[str, str]]

    def terms(self) -> list[Term]:
        """Distinct, within MOST_TERMS and MOST_EXACT, those for personal values not among them."""
        all_ = dict.fromkeys(term for one in self.found for term in one[0].terms(one[1]))
        if len(all_) <= MOST_TERMS:
            return list(all_)
        exact = [term for term in all_ if term[0] != "word"][:MOST_EXACT]
        words = [term for term in all_ if term[0] == "word"]
        return exact + words[: max(0, MOST_TERMS - len(exact))]


def said_by(
    event_type: str,
    source: str,
    order_id: str | None,
    payload: Mapping[str, Any],
    metadata: Mapping[str, Any] | None,
) -> Said:
    """What an event says, and where: the stored event's payload, with digests for what is
    personal."""
    found: list[Found] = [(_WORDS, f"{event_type} {source}")]
    if order_id is not None:
        found.append((_IDENT, order_id))
    sealed: list[tuple[str, str]] = []
    _walk(payload, _PAYLOAD, "", found, sealed)
    if metadata:
        for name, branch in _METADATA.items():
            if name in metadata:
                _take(metadata[name], branch, "", name, found, [])
    return Said(found, sealed)


def personal_terms(sealed: Iterable[tuple[str, str]], disclosed: Mapping[str, object]) -> set[Term]:
    """The terms for personal values. disclosed: digest -> value; what is gone is not in it.

    A string that is an email address counts under any name, a telephone number under `phone`.
    """
    terms: set[Term] = set()
    for name, digest in sealed:
        if digest in disclosed:
            _reach(name, disclosed[digest], terms)
    return terms


def pair_value(field: Field, value: object) -> str | None:
    """How the value of a field is compared: canonical JSON, of a time that of its microseconds
    since 1970. None for a time that is none."""
    if field.kind == "time" and type(value) is str:
        try:
            value = parse_us(value)
        except ValueError:
            return None
    return canonical.encode(value).decode()


def values_at(body: object, path: tuple[str, ...]) -> Iterator[Any]:
    """The strings, numbers and booleans at a path, lists being gone through."""
    if type(body) is list:
        for item in body:
            yield from values_at(item, path)
    elif path:
        if type(body) is dict and path[0] in body:
            yield from values_at(body[path[0]], path[1:])
    elif body is not None and type(body) is not dict:
        yield body


class _Branch(Struct, frozen=True):
    """A name in a payload: what a value there is, and the names below it."""

    place: Place
    below: dict[str, _Branch]


_WORDS, _IDENT, _NOTHING = Place(None, "words"), Place(None, "ident"), Place(None, "nothing")
_FREE = {place.says: place for place in (_WORDS, _IDENT, _NOTHING)}
_NOWHERE: dict[str, _Branch] = {}


def _says(name: str, parent: str) -> Literal["ident", "words", "nothing"]:
    if name in _IDENTIFIERS or name.endswith("_id") or (name == "id" and parent == "customer"):
        return "ident"
    return "nothing" if name.endswith("_at") else "words"


def _branches(scope: str) -> dict[str, _Branch]:
    """The fields of a scope as a tree of names."""
    root: dict[str, _Branch] = {}
    for field in sorted(FIELDS.values(), key=lambda one: len(one.path)):
        below, parent = root, ""
        for name in field.path if field.scope == scope else ():
            says = _says(name, parent) if scope == "payload" else "nothing"
            last = name is field.path[-1]
            new = _Branch(Place(field if last else None, says), {})
            below, parent = below.setdefault(name, new).below, name
    return root


_PAYLOAD, _METADATA = _branches("payload"), _branches("metadata")


def _walk(
    body: Mapping[str, Any],
    branches: Mapping[str, _Branch],
    parent: str,
    found: list[Found],
    sealed: list[tuple[str, str]],
) -> None:
    for name, value in body.items():
        branch = branches.get(name)
        if type(value) is str:
            found.append((branch.place if branch else _FREE[_says(name, parent)], value))
        elif value is not None:
            _take(value, branch, parent, name, found, sealed)


def _take(
    value: Any,
    branch: _Branch | None,
    parent: str,
    name: str,
    found: list[Found],
    sealed: list[tuple[str, str]],
) -> None:
    """What stands at a name, or in a list there."""
    kind = type(value)
    if kind is dict:
        digest = value.get(PLACEHOLDER)
        if digest is None:
            _walk(value, branch.below if branch else _NOWHERE, name, found, sealed)
        else:
            sealed.append((name, digest))
    elif kind is list:
        for item in value:
            _take(item, branch, parent, name, found, sealed)
    elif value is not None:
        place = branch.place if branch else _FREE[_says(name, parent)]
        if kind is str:
            found.append((place, value))
        elif place.field is not None or place.says == "ident":
            found.append((place, value, kind))


def _reach(name: str, value: object, terms: set[Term]) -> None:
    """The address or number that a disclosed value is, or holds."""
    if isinstance(value, dict):
        for inner_name, inner in value.items():
            _reach(inner_name, inner, terms)
    elif isinstance(value, list):
        for inner in value:
            _reach(name, inner, terms)
    elif isinstance(value, str | int) and value is not True and value is not False:
        text = str(value)
        if "@" in text and (address := email(text)):
            terms.add(("email", "", address))
        elif name == "phone" and (digits := phone(text)):
            terms.add(("phone", "", digits))
