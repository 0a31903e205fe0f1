"""Is what lies beside an event what the event says of it? One answer for each personal value.

matches   the disclosure is there, and its digest is the one in the event's bytes
masked    it matches, and this caller may not see it
erased    it is gone, and an event of the service's own says that it was erased
differs   something else lies in its place: another digest under its name, or a row that does
          not open
missing   it is gone, and nothing says why
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from domain.pointers import child
from domain.privacy.sealing import PLACEHOLDER

ERASED = "history.subject.erased"
"""The service's own event that tells of an erasure: payload {"job_id", "events": [{"sequence",
"pointers": ["/payload/...", "/metadata/..."]}], "orders": [ids of orders of whose payloads later
values are not kept, either]}; it names no person."""

REDACTED = "history.retention.redacted"
"""The same of what a retention policy let go; with a "policy_id", and without "orders"."""

COVERING = (ERASED, REDACTED)
"""The events that say of values that are gone why they are."""

FAILURES = frozenset({"differs", "missing"})

State = Literal["matches", "erased", "masked", "differs", "missing"]


class Checked(Struct, frozen=True):
    """The state of one personal value; `pointer` is into the event: /payload/... or
    /metadata/...."""

    pointer: str
    state: State


class Kept(Struct, frozen=True):
    """What lies beside an event. names: digest -> the name that its disclosure gives; damaged: a
    row is there that does not open, or holds no disclosures."""

    names: Mapping[str, str]
    damaged: bool = False


NOTHING = Kept({})


class _Covered(Struct):
    sequence: int
    pointers: list[str]


class _Erasure(Struct):
    events: list[_Covered]
    orders: list[str] = []


class _Told(Struct):
    type: str
    payload: _Erasure
    order_id: str | None = None


class _Body(Struct):
    payload: Any
    metadata: Any = None


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_told = msgspec.json.Decoder(_Told).decode


def check(state: bytes, kept: Kept) -> list[Checked]:
    """Each personal value of an event, in the order in which they stand: matches, differs or
    missing. Raises msgspec.DecodeError for bytes that are no event."""
    body = _decode_body(state)
    places = [*_placeholders(body.payload, "/payload"), *_placeholders(body.metadata, "/metadata")]
    digests = {digest for _, _, digest in places}
    strays = Counter(name for digest, name in kept.names.items() if digest not in digests)
    checked = []
    for pointer, name, digest in places:
        if digest in kept.names:
            state_: State = "matches" if kept.names[digest] == name else "differs"
        elif strays[name] or kept.damaged:
            state_ = "differs"
        else:
            state_ = "missing"
        checked.append(Checked(pointer, state_))
    return checked


def erased_pointers(state: bytes, sequence: int) -> frozenset[str]:
    """Which pointers of the event with this sequence an event tells to be erased; none where it
    tells of no erasure."""
    erasure = _erasure_of(state)
    covered = (one.pointers for one in erasure.events if one.sequence == sequence)
    return frozenset(pointer for pointers in covered for pointer in pointers)


def told_gone(state: bytes) -> dict[int, list[str]]:
    """sequence -> pointers of the values that an event tells to be gone, on whatever ground."""
    return {one.sequence: one.pointers for one in _erasure_of(state).events}


def erases_order(state: bytes, order_id: str) -> bool:
    """Whether an event tells that of an order nothing is kept from then on."""
    return order_id in _erasure_of(state).orders


def _erasure_of(state: bytes) -> _Erasure:
    """What an event tells to be erased; nothing, if it tells of no erasure."""
    try:
        told = _decode_told(state)
    except msgspec.DecodeError:
        return _Erasure([])
    if told.type not in COVERING or told.order_id is not None:  # an order's events are producers'
        return _Erasure([])
    return told.payload


def told(checked: Sequence[Checked], erased: Collection[str], *, shown: bool) -> list[Checked]:
    """The same for a caller who sees personal values, or not (`shown`); what is missing at the
    pointers `erased` is erased."""

    def state(one: Checked) -> State:
        if one.state == "missing" and one.pointer in erased:
            return "erased"
        return "masked" if one.state == "matches" and not shown else one.state

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
