"""The fold: an order's state at a moment, on two clocks (vocabulary.md, "The fold").

`at` bounds when things happened, `known` what this service had accepted. Corrections are chosen by
`known` alone; the originals, as corrected, are applied in the order of (occurred_at, sequence).

A `Folded` is a fold of an order's versions 1..n that later folds may start from. It may stand for
those versions only where folding all of them in place of it would give the same state: everything
in it is asked for, and nothing later reaches back into it. When in doubt it may not: the answer is
`NotServable`, and the caller tries an older one or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Literal, overload

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.orders.merging import copied, is_sealed, merge_patch
from domain.orders.state import EFFECTS, PastEvent, State, apply, empty_state
from domain.times import SECOND, parse_us

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_by_sequence = attrgetter("sequence")
_by_occurred = attrgetter("occurred_us")


class Correction(Struct, frozen=True):
    """What a correction makes of its original: nothing at all (`void`), or `patch`ed."""

    patch: dict[str, Any]
    void: bool = False


class Folded(Struct, frozen=True):
    """An order's versions 1..`version`, folded without a bound on when they happened.

    `sequence` and `received_us` are those of the last version. `latest_us` is the highest
    occurred_at, `applied_us` that of the events that count (0: none does). `late` are the
    event_ids that arrived out of order, `waiting` the corrections whose originals are not among
    the versions, by the original's event_id. Holds sealed values only. msgspec can write and read
    it; a state's entries keep their order.
    """

    order_id: str
    state: State
    version: int
    sequence: int
    latest_us: int
    applied_us: int
    received_us: int
    late: tuple[str, ...] = ()
    waiting: dict[str, Correction] = {}


class AsOf(Struct, frozen=True):
    """An answer: `state`, made of `events_applied` events that had happened and were known.

    `event_sequence` is the highest sequence known of the order: given back as `known_sequence` it
    repeats the answer for good. `late`: the event_ids among the events applied that arrived after
    an event that happened later. `basis`: whether a stored fold stood for the first versions.
    """

    state: State
    event_sequence: int
    events_applied: int
    late: tuple[str, ...]
    basis: Literal["stored", "computed"]


class NotServable(Struct, frozen=True):
    """The base cannot stand for its versions in this question; `reason` says why."""

    reason: str


class _Body(Struct, frozen=True):
    """What the fold needs of the stored bytes."""

    event_id: str
    type: str
    occurred_at: str
    payload: dict[str, Any]
    correction_of: str | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def past_event(sequence: int, version: int, received_us: int, state: bytes) -> PastEvent:
    """The event in stored bytes. Their occurred_at is canonical: UTC, `Z`, at most six digits."""
    body = _decode_body(state)
    since = datetime.fromisoformat(body.occurred_at) - _EPOCH
    return PastEvent(
        sequence,
        version,
        body.event_id,
        body.type,
        body.occurred_at,
        (since.days * 86_400 + since.seconds) * SECOND + since.microseconds,
        received_us,
        body.payload,
        body.correction_of,
    )


@overload
def fold_all(order_id: str, events: Iterable[PastEvent]) -> Folded: ...
@overload
def fold_all(
    order_id: str, events: Iterable[PastEvent], base: Folded | None
) -> Folded | NotServable: ...
def fold_all(
    order_id: str, events: Iterable[PastEvent], base: Folded | None = None
) -> Folded | NotServable:
    """Fold all versions there are: all of `events`, or the base and those later than it.

    Raises ValueError when there is no event at all.
    """
    tail = _tail(events, base)
    if not tail:
        if base is None:
            raise ValueError("an order without events has no fold")
        return base
    answer = state_as_of(order_id, tail, at_us=None, base=base)
    if not isinstance(answer, AsOf):
        assert answer is not None, "without bounds every event is asked for"
        return answer
    ids = {event.event_id for event in tail}
    corrections = _corrections(tail, base)
    latest_us = max(event.occurred_us for event in tail)
    applied = (event.occurred_us for event in tail if _counts(event, corrections))
    applied_us = max(applied, default=0)
    return Folded(
        order_id,
        answer.state,
        tail[-1].version,
        tail[-1].sequence,
        latest_us if base is None else max(latest_us, base.latest_us),
        applied_us if base is None else max(applied_us, base.applied_us),
        tail[-1].received_us,
        answer.late,
        {original: what for original, what in corrections.items() if original not in ids},
    )


def state_as_of(
    order_id: str,
    events: Iterable[PastEvent],
    *,
    at_us: int | None,
    known_us: int | None = None,
    known_sequence: int | None = None,
    base: Folded | None = None,
) -> AsOf | NotServable | None:
    """The state of an order at `at_us`, by what was known at `known_us` and `known_sequence`.

    Bounds are inclusive, None is no bound. `events` are all of the order's, or with a base at
    least those after it; there may be later ones than are known. None: of what was known, nothing
    had happened yet. NotServable: only with a base.
    """
    tail = _tail(events, base)
    known = [
        event
        for event in tail
        if (known_us is None or event.received_us <= known_us)
        and (known_sequence is None or event.sequence <= known_sequence)
    ]
    corrections = _corrections(known, base)
    if base is not None:
        reason = _beyond(base, at_us, known_us, known_sequence)
        reason = reason or _reaches_back(base, tail, known, corrections)
        if reason:
            return NotServable(reason)
    happened = [event for event in known if at_us is None or event.occurred_us <= at_us]
    if not happened and base is None:
        return None
    happened.sort(key=_by_occurred)
    state = empty_state(order_id) if base is None else copied(base.state)
    for event in happened:
        if (corrected := _corrected(event, corrections)) is not None:
            apply(state, corrected)
    _count(state, happened)
    return AsOf(
        state,
        known[-1].sequence if known or base is None else base.sequence,
        state["event_count"],
        _late(known, at_us, base),
        "computed" if base is None else "stored",
    )


def _tail(events: Iterable[PastEvent], base: Folded | None) -> list[PastEvent]:
    """The events that the base does not hold, by sequence."""
    after = 0 if base is None else base.version
    return sorted((event for event in events if event.version > after), key=_by_sequence)


def _corrections(known: Iterable[PastEvent], base: Folded | None) -> dict[str, Correction]:
    """By the original's event_id the correction that counts: the latest that is no remark."""
    corrections = {} if base is None else dict(base.waiting)
    for event in known:
        if event.correction_of is not None and (correction := _correction(event.payload)):
            corrections[event.correction_of] = correction
    return corrections


def _correction(payload: dict[str, Any]) -> Correction | None:
    """None for a remark: neither a patch that can be read nor a word on voiding."""
    patch, void = payload.get("patch"), payload.get("void")
    if type(patch) is dict and not is_sealed(patch):
        return Correction(patch, void is True)
    return Correction({}, void) if type(void) is bool else None


def _counts(event: PastEvent, corrections: Mapping[str, Correction]) -> bool:
    """Whether it has an effect: of a type that has one, no correction itself, and not void."""
    if event.correction_of is not None or event.type not in EFFECTS:
        return False
    correction = corrections.get(event.event_id)
    return correction is None or not correction.void


def _corrected(event: PastEvent, corrections: Mapping[str, Correction]) -> PastEvent | None:
    """The event as its correction leaves it; None when it does not count."""
    if not _counts(event, corrections):
        return None
    correction = corrections.get(event.event_id)
    if correction is None:
        return event
    return replace(event, payload=merge_patch(event.payload, correction.patch))


def _beyond(
    base: Folded, at_us: int | None, known_us: int | None, known_sequence: int | None
) -> str | None:
    """Why the base holds more than is asked for, if it does."""
    if at_us is not None and base.latest_us > at_us:
        return "it holds an event that happened later"
    if known_us is not None and base.received_us > known_us:
        return "it holds an event that was received later"
    if known_sequence is not None and base.sequence > known_sequence:
        return "it holds an event of a later sequence"
    return None


def _reaches_back(
    base: Folded,
    tail: Sequence[PastEvent],
    known: Sequence[PastEvent],
    corrections: Mapping[str, Correction],
) -> str | None:
    """Why a later event may change what the base holds, if one may."""
    elsewhere = {event.event_id for event in tail}.union(base.waiting)
    if not elsewhere.issuperset(corrections):
        return "an event that it may hold is corrected later"
    early = (event for event in known if event.occurred_us < base.applied_us)
    if any(_counts(event, corrections) for event in early):
        return "an event that counts happened before one that it holds"
    return None


def _count(state: State, happened: Sequence[PastEvent]) -> None:
    """Every event counts here, corrections and void ones too. `happened` is in that order."""
    if not happened:
        return
    first, last = happened[0], happened[-1]
    known_first, known_last = state["first_occurred_at"], state["last_occurred_at"]
    if known_first is None or first.occurred_us < parse_us(known_first):
        state["first_occurred_at"] = first.occurred_at
    if known_last is None or last.occurred_us >= parse_us(known_last):
        state["last_occurred_at"] = last.occurred_at
    state["event_count"] += len(happened)


def _late(known: Iterable[PastEvent], at_us: int | None, base: Folded | None) -> tuple[str, ...]:
    late = [] if base is None else list(base.late)
    latest_us = None if base is None else base.latest_us
    for event in known:
        if latest_us is None or event.occurred_us >= latest_us:
            latest_us = event.occurred_us
        elif at_us is None or event.occurred_us <= at_us:
            late.append(event.event_id)
    return tuple(late)
