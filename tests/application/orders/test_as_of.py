"""Answers over the real store, snapshots included, against the pure fold from the first event."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.orders.as_of import Question
from application.ports import Accepted
from domain import canonical
from domain.errors import Invalid, NotFound
from domain.orders.events import Draft, decode_body
from domain.orders.history import AsOf, past_event, state_as_of
from domain.orders.state import PastEvent
from domain.times import SECOND
from tests.application.orders.world import World
from tests.domain.ledger.drafts import draft
from tests.domain.orders.stories import bounds, orders
from tests.infrastructure.event_store.kit import fresh

EVERY = 5
TENANT = "acme"
searching = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def as_draft(event: PastEvent, order_id: str) -> Draft:
    """The event as its producer sends it; event ids are the order's own."""
    correction_of = event.correction_of and f"{order_id}/{event.correction_of}"
    return draft(
        f"{order_id}/{event.event_id}",
        order_id,
        TENANT,
        occurred_at=event.occurred_at,
        type=event.type,
        payload=canonical.encode(event.payload),
        correction_of=correction_of,
    )


async def record(world: World, order_id: str, events: list[PastEvent]) -> None:
    """One after the other, each received later; a snapshot at every fifth version, as they come.
    Corrections of corrections are refused, as ever."""
    for event in events:
        (outcome,) = await world.door.submit([as_draft(event, order_id)])
        if isinstance(outcome, Accepted) and outcome.event.originator_version % EVERY == 0:
            world.ledger.take_snapshot(
                outcome.event.originator_id, outcome.event.originator_version
            )


async def known(world: World, order_id: str) -> list[PastEvent]:
    """All of the order's events, as they are stored."""
    rows = await world.reader.after(TENANT, 0, 100_000)
    return [
        past_event(r.sequence, r.originator_version, r.received_us, r.state)
        for r in rows
        if decode_body(r.state).order_id == order_id
    ]


async def ask(world: World, order_id: str, question: Question) -> AsOf | None:
    try:
        return await world.as_of.state(TENANT, order_id, question)
    except NotFound:
        return None


def plain(answer: object) -> Any:
    """An answer without its basis, which alone may differ."""
    if answer is None:
        return None
    value = msgspec.to_builtins(answer)
    del value["basis"]
    return value


def slow(order_id: str, events: list[PastEvent], question: Question) -> object:
    return state_as_of(order_id, events, **msgspec.structs.asdict(question))


@st.composite
def questions(draw: st.DrawFn, events: list[PastEvent]) -> Question:
    """Bounds around what there is, or none."""
    received = st.sampled_from(events).map(lambda event: event.received_us)
    sequence = st.sampled_from(events).map(lambda event: event.sequence)
    return Question(
        at_us=draw(bounds),
        known_us=draw(st.none() | received | received.map(lambda us: us - 1)),
        known_sequence=draw(st.none() | sequence | sequence.map(lambda number: number - 1)),
    )


@searching
@given(orders(most=22), st.data())
def test_every_answer_is_that_of_the_fold(
    world: World, events: list[PastEvent], data: st.DataObject
) -> None:
    order_id = fresh("fold")
    world.run(record(world, order_id, events))
    stored = world.run(known(world, order_id))
    for _ in range(6):
        question = data.draw(questions(stored))
        answer = world.run(ask(world, order_id, question))
        assert plain(answer) == plain(slow(order_id, stored, question))


@settings(searching, max_examples=20)
@given(orders(most=12), orders(most=12), bounds)
def test_an_answer_can_be_repeated_for_ever(
    world: World, events: list[PastEvent], more: list[PastEvent], at_us: int | None
) -> None:
    order_id = fresh("again")
    world.run(record(world, order_id, events))
    answer = world.run(ask(world, order_id, Question(at_us=at_us)))
    later = [msgspec.structs.replace(one, event_id=f"later-{one.event_id}") for one in more]
    world.run(record(world, order_id, later))
    if answer is not None:
        question = Question(at_us=at_us, known_sequence=answer.event_sequence)
        assert plain(world.run(ask(world, order_id, question))) == plain(answer)


def simple(number: int, second: int, **changes: Any) -> PastEvent:
    """An event that sets the total to its number."""
    fields: dict[str, Any] = {
        "sequence": number,
        "version": number,
        "event_id": f"e{number}",
        "type": "order.updated",
        "occurred_at": f"2025-01-01T00:00:{second:02}Z",
        "occurred_us": second * SECOND,
        "received_us": 0,
        "payload": {"total_minor": number},
    }
    return PastEvent(**fields | changes)


def test_a_stored_fold_serves_what_came_in_order(world: World) -> None:
    order_id = fresh("stored")
    world.run(record(world, order_id, [simple(n, n) for n in range(1, 13)]))
    stored = world.run(known(world, order_id))
    for question in (Question(), Question(known_sequence=stored[-2].sequence)):
        answer = world.run(ask(world, order_id, question))
        assert answer is not None
        assert answer.basis == "stored"
        assert plain(answer) == plain(slow(order_id, stored, question))


def test_a_late_event_sends_the_question_to_an_older_fold(world: World) -> None:
    order_id = fresh("late")
    events = [simple(n, 2 * n) for n in range(1, 13)]
    late = simple(13, 13, payload={"currency": "EUR"})  # between versions 6 and 7
    world.run(record(world, order_id, [*events, late]))
    answer = world.run(ask(world, order_id, Question()))
    assert answer is not None
    assert (answer.basis, answer.state["total_minor"]) == ("stored", 12)
    assert answer.late == (f"{order_id}/e13",)
    stored = world.run(known(world, order_id))
    assert plain(answer) == plain(slow(order_id, stored, Question()))


def test_a_correction_sends_the_question_to_a_fold_before_its_original(world: World) -> None:
    order_id = fresh("corrected")
    events = [simple(n, n) for n in range(1, 13)]
    void = simple(13, 13, type="order.correction", payload={"void": True}, correction_of="e12")
    deep = simple(14, 14, type="order.correction", correction_of="e2",
                  payload={"patch": {"currency": "SEK"}})  # fmt: skip
    for more, basis, total, currency in ((void, "stored", 11, None), (deep, "computed", 11, "SEK")):
        world.run(record(world, order_id, [*events, more]))
        answer = world.run(ask(world, order_id, Question()))
        assert answer is not None
        assert answer.basis == basis
        assert (answer.state["total_minor"], answer.state["currency"]) == (total, currency)


def test_nothing_known_yet(world: World) -> None:
    order_id = fresh("nothing")
    with pytest.raises(NotFound):
        world.run(world.as_of.state(TENANT, order_id, Question()))
    world.run(record(world, order_id, [simple(1, 5)]))
    (event,) = world.run(known(world, order_id))
    for question in (
        Question(at_us=event.occurred_us - 1),
        Question(known_us=event.received_us - 1),
        Question(known_sequence=event.sequence - 1),
    ):
        with pytest.raises(NotFound):
            world.run(world.as_of.state(TENANT, order_id, question))


def test_another_tenants_order_is_unknown(world: World) -> None:
    order_id = fresh("foreign")
    world.run(record(world, order_id, [simple(1, 5)]))
    with pytest.raises(NotFound):
        world.run(world.as_of.state("zeta", order_id, Question()))


def test_a_sequence_to_come_is_refused(world: World) -> None:
    order_id = fresh("future")
    world.run(record(world, order_id, [simple(1, 5)]))
    head = world.run(world.reader.head(TENANT)).sequence
    assert world.run(ask(world, order_id, Question(known_sequence=head))) is not None
    with pytest.raises(Invalid):
        world.run(world.as_of.state(TENANT, order_id, Question(known_sequence=head + 1)))
