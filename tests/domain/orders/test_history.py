"""The fold on two clocks, against a slow second one, and snapshots that must not change it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.orders.history import Folded, NotServable, fold_all, state_as_of
from domain.orders.state import PastEvent
from tests.domain.orders.reference import reference
from tests.domain.orders.stories import bounds, knowns, orders, sequences
from tests.domain.orders.told import asked

thorough = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)


def stored(folded: Folded) -> Folded:
    """As it comes back from where snapshots lie."""
    return msgspec.json.decode(msgspec.json.encode(folded), type=Folded)


def containers(value: Any) -> Iterator[int]:
    if isinstance(value, dict | list):
        yield id(value)
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


@thorough
@given(orders(), bounds, knowns, sequences)
def test_the_fold_is_that_of_the_vocabulary(
    events: list[PastEvent], at_us: int | None, known_us: int | None, known_sequence: int | None
) -> None:
    payloads = copy.deepcopy([e.payload for e in events])
    answer = asked(events, at_us, known_us, known_sequence)
    expected = reference("o1", events, at_us, known_us, known_sequence)
    if answer is None or expected is None:
        assert answer is None
        assert expected is None
        return
    assert answer.state == expected[0]
    assert (answer.event_sequence, answer.events_applied, answer.late) == expected[1:]
    assert answer.basis == "computed"
    assert [e.payload for e in events] == payloads, "payloads are left as they are"
    ours = {place for e in events for place in containers(e.payload)}
    assert ours.isdisjoint(containers(answer.state))


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[PastEvent], list[PastEvent]]:
    """An order, and the same events in another order of arrival: those of equal occurred_at and
    the corrections of one original keep theirs."""
    first = draw(orders())
    left, second = list(first), []
    while left:
        free = [
            e
            for n, e in enumerate(left)
            if not any(
                e.occurred_us == earlier.occurred_us
                or (e.correction_of and e.correction_of == earlier.correction_of)
                for earlier in left[:n]
            )
        ]
        chosen = draw(st.sampled_from(free))
        left.remove(chosen)
        second.append(chosen)
    return first, [
        replace(e, sequence=n, version=n, received_us=n) for n, e in enumerate(second, start=1)
    ]


@thorough
@given(arrivals(), bounds)
def test_the_order_of_arrival_does_not_matter(
    both: tuple[list[PastEvent], list[PastEvent]], at_us: int | None
) -> None:
    first, second = (asked(events, at_us) for events in both)
    if first is None or second is None:
        assert first is None
        assert second is None
        return
    assert first.state == second.state
    event(f"late: {bool(second.late)}")


@thorough
@given(orders(), bounds, knowns, sequences, st.booleans())
def test_a_base_never_changes_an_answer(
    events: list[PastEvent],
    at_us: int | None,
    known_us: int | None,
    known_sequence: int | None,
    whole: bool,
) -> None:
    answer = asked(events, at_us, known_us, known_sequence)
    for version in range(1, len(events) + 1):
        base = stored(fold_all("o1", events[:version]))
        kept = copy.deepcopy(base)
        based = state_as_of(
            "o1",
            events if whole else events[version:],
            at_us=at_us,
            known_us=known_us,
            known_sequence=known_sequence,
            base=base,
        )
        assert base == kept, "a base may serve many questions"
        if not isinstance(based, NotServable):
            assert answer is not None
            assert based == replace(answer, basis="stored")
            event(f"served with a tail: {version < len(events)}")


@thorough
@given(orders())
def test_folding_on_is_folding_all(events: list[PastEvent]) -> None:
    full = fold_all("o1", events)
    assert stored(full) == full
    for version in range(1, len(events) + 1):
        base = stored(fold_all("o1", events[:version]))
        on = fold_all("o1", events[version:], base)
        if not isinstance(on, NotServable):
            assert on == full


@thorough
@given(orders(), orders(), bounds, knowns)
def test_an_answers_sequence_repeats_it(
    events: list[PastEvent], more: list[PastEvent], at_us: int | None, known_us: int | None
) -> None:
    answer = asked(events, at_us, known_us)
    if answer is None:
        return
    start, moment = events[-1].sequence, events[-1].received_us
    later = [
        replace(
            e,
            sequence=e.sequence + start,
            version=e.version + len(events),
            received_us=e.received_us - 100 + moment,
            event_id=f"later-{e.event_id}",
        )
        for e in more
    ]
    everything = [*events, *later]
    assert asked(everything, at_us, known_sequence=answer.event_sequence) == answer
