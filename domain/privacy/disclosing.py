"""Is what lies beside an event what the event says of it? One answer for each personal value.

matches   the disclosure is there, and its digest is the one in the event's bytes
masked    it matches, and this caller may not see it; or a pseudonym stands in its place, an event
          of the service's own says so, and what is kept of it apart matches
erased    it is gone, and an event of the service's own says that it was erased
differs   something else lies in its place: another digest under its name, a row that does not
          open, or a replacement of which the above is not true
missing   it is gone, and nothing says why
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from domain.pointers import child
from domain.privacy.sealing import PLACEHOLDER

ERASED = "history.subject.erased"
"""The service's own event that tells of an erasure: payload {"job_id", "events": [{"sequence",
"pointers": ["/payload/...", "/metadata/..."]}], "orders": [ids of orders of whose payloads nothing
is kept, nor of what comes later]}; it names no person."""

REDACTED = "history.retention.redacted"
"""The same of what a retention policy let go; with a "policy_id", and without "orders"."""

COVERING = (ERASED, REDACTED)
"""The events that say of values that are gone why they are."""

PSEUDONYMISED = "history.subject.pseudonymised"
"""That pseudonyms stand in the place of values: payload {"job_id", "events": as above}."""

REIDENTIFIED = "history.subject.reidentified"
"""The same, of values that have been put back."""

FAILURES = frozenset({"differs", "missing"})

State = Literal["matches", "erased", "masked", "differs", "missing"]


Found = Literal["matches", "replaced", "differs", "missing"]
"""Before it is known what the ledger tells: a replaced value is masked or differs."""


class Checked(Struct, frozen=True):
    """The state of one personal value; `pointer` is into the event: /payload/... or
    /metadata/...."""

    pointer: str
    state: State


class Beside(Struct, frozen=True):
    """What lies at the place of one personal value."""

    pointer: str
    found: Found


class Kept(Struct, frozen=True):
    """What lies beside an event. names: digest -> the name that its disclosure gives; damaged: a
    row is there that does not open, or holds no disclosures; replaced: digests in whose place a
    pseudonym stands; originals: digests of the disclosures that are kept apart for these."""

    names: Mapping[str, str]
    damaged: bool = False
    replaced: Collection[str] = frozenset()
    originals: Collection[str] = frozenset()


NOTHING = Kept({})


class _Covered(Struct):
    sequence: int
    pointers: list[str]


class _Covering(Struct):
    events: list[_Covered]
    orders: list[str] = []


class _Told(Struct):
    type: str
    payload: _Covering
    order_id: str | None = None


class _Body(Struct):
    payload: Any
    metadata: Any = None


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_told = msgspec.json.Decoder(_Told).decode


def check(state: bytes, kept: Kept) -> list[Beside]:
    """Each personal value of an event, in the order in which they stand. Raises msgspec.DecodeError
    for bytes that are no event."""
    body = _decode_body(state)
    places = [*_placeholders(body.payload, "/payload"), *_placeholders(body.metadata, "/metadata")]
    digests = {digest for _, _, digest in places}
    strays = Counter(name for digest, name in kept.names.items() if digest not in digests)
    checked = []
    for pointer, name, digest in places:
        if kept.names.get(digest) == name:
            found = _there(digest, kept)
        elif digest in kept.names or strays[name] or kept.damaged:
            found = "differs"
        else:
            found = "missing"
        checked.append(Beside(pointer, found))
    return checked


def _there(digest: str, kept: Kept) -> Found:
    if digest not in kept.replaced:
        return "matches"
    return "replaced" if digest in kept.originals else "differs"


def erased_pointers(state: bytes, sequence: int) -> frozenset[str]:
    """Which pointers of the event with this sequence an event tells to be erased; none where it
    tells of no erasure."""
    return _pointers(_told_by(state, *COVERING), sequence)


def told_gone(state: bytes) -> dict[int, list[str]]:
    """sequence -> pointers of the values that an event tells to be gone, on whatever ground."""
    return {one.sequence: one.pointers for one in _told_by(state, *COVERING).events}


def erases_order(state: bytes, order_id: str) -> bool:
    """Whether an event tells that of an order nothing is kept, nor will be."""
    return order_id in _told_by(state, ERASED).orders


def replaced_pointers(states: Iterable[bytes], sequence: int) -> frozenset[str]:
    """At which pointers of the event with this sequence pseudonyms stand, as events tell it: all
    that tell of replacing and of putting back, in their order."""
    replaced: frozenset[str] = frozenset()
    for state in states:
        replaced |= _pointers(_told_by(state, PSEUDONYMISED), sequence)
        replaced -= _pointers(_told_by(state, REIDENTIFIED), sequence)
    return replaced


def _pointers(fact: _Covering, sequence: int) -> frozenset[str]:
    covered = (one.pointers for one in fact.events if one.sequence == sequence)
    return frozenset(pointer for pointers in covered for pointer in pointers)


def _told_by(state: bytes, *types: str) -> _Covering:
    """What an event of the service's own of these types covers; nothing, if it is none."""
    try:
        told = _decode_told(state)
    except msgspec.DecodeError:
        return _Covering([])
    if told.type not in types or told.order_id is not None:  # an order's events are producers'
        return _Covering([])
    return told.payload


def told(
    checked: Sequence[Beside],
    erased: Collection[str],
    replaced: Collection[str] = frozenset(),
    *,
    shown: bool,
) -> list[Checked]:
    """The same for a caller who sees personal values, or not (`shown`); what is missing at the
    pointers `erased` is erased, and what is replaced at those of `replaced` is masked."""

    def state(one: Beside) -> State:
        if one.found == "replaced":
            return "masked" if one.pointer in replaced else "differs"
        if one.found == "missing" and one.pointer in erased:
            return "erased"
        return "masked" if one.found == "matches" and not shown else one.found

    return [Checked(one.pointer, state(one)) for one in checked]


def _placeholders(value: Any, pointer: str) -> Iterator[tuple[str, str, str]]:
    """(pointer, last token, digest) of each."""
    if type(value) is dict:
        digest = value.get(PLACEHOLDER)
        if digest is not None:
            yield pointer, _last(pointer), str(digest)
            return
        members: Any = value.items()
    elif type(value) is list:
        members = enumerate(value)
    else:
        return
    for token, inner in members:
        yield from _placeholders(inner, child(pointer, token))


def _last(pointer: str) -> str:
    return pointer.rsplit("/", 1)[1].replace("~1", "/").replace("~0", "~")
