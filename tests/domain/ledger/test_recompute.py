"""A walk along a ledger that holds, and along one with a single thing changed."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from msgspec.structs import replace

from domain.ledger.append import LedgerEnd, place
from domain.ledger.hashing import chain, entry
from domain.ledger.recompute import Difference, LedgerRow, LedgerWalk
from domain.orders.events import Draft, Recorded
from domain.privacy.sealing import draft_of, history_originator
from tests.domain.ledger.drafts import content, correction, draft

T0 = 1_756_470_898_000_001
OWN = draft_of(
    replace(content("h1", type="history.snapshot.captured"), order_id=None, stream="snapshot/s1"),
    (),
    history_originator("acme", "snapshot/s1"),
    "history.recorded",
)
DRAFTS = [
    draft("e1"),
    draft("e2", "o2"),
    correction("c1", "e1"),
    OWN,
    draft("e3", metadata=b'{"actor_id":"u1"}', redactions=b'["/payload/x"]'),
    draft("e4"),
]


def rows(drafts: list[Draft] = DRAFTS) -> list[LedgerRow]:
    end = LedgerEnd(40, T0, {}, {})
    made = []
    for sent in drafts:
        (event,) = place(end, [sent])
        assert isinstance(event, Recorded)
        made.append(row(sent, event))
        end.received_us += 1
    return made


def row(sent: Draft, event: Recorded) -> LedgerRow:
    return LedgerRow(
        event.position,
        sent.topic,
        event.originator_id,
        event.originator_version,
        event.tenant_id,
        event.sequence,
        sent.event_id,
        sent.correction_of,
        event.received_us,
        event.entry,
        event.ledger_hash,
        event.state,
    )


def walk(ledger: list[LedgerRow]) -> Difference | None:
    walking = LedgerWalk("acme")
    return next((found for one in ledger if (found := walking.check(one))), None)


def test_what_was_placed_holds() -> None:
    walking = LedgerWalk("acme")
    ledger = rows()
    assert [walking.check(one) for one in ledger] == [None] * len(ledger)
    assert (walking.sequence, walking.ledger_hash) == (len(ledger), ledger[-1].ledger_hash)


@pytest.mark.parametrize("index", range(len(DRAFTS)))
def test_each_single_bit_of_the_bytes(index: int) -> None:
    original = rows()
    for at in range(len(original[index].state)):
        ledger = list(original)
        state = bytearray(ledger[index].state)
        state[at] ^= 1
        ledger[index] = replace(ledger[index], state=bytes(state))
        found = walk(ledger)
        assert found is not None
        assert found.sequence == index + 1


COLUMNS: dict[str, Callable[[LedgerRow], LedgerRow]] = {
    "position": lambda r: replace(r, position=r.position - 41),
    "topic": lambda r: replace(r, topic="another.topic"),
    "originator_id": lambda r: replace(r, originator_id=UUID(int=r.originator_id.int ^ 1)),
    "originator_version": lambda r: replace(r, originator_version=r.originator_version + 1),
    "tenant_id": lambda r: replace(r, tenant_id="zeta"),
    "event_id": lambda r: replace(r, event_id="e9"),
    "correction_of": lambda r: replace(r, correction_of="e9"),
    "received_us": lambda r: replace(r, received_us=r.received_us + 1),
    "entry": lambda r: replace(r, entry=bytes(32)),
    "ledger_hash": lambda r: replace(r, ledger_hash=bytes(32)),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("index", range(len(DRAFTS)))
def test_each_column_beside_the_bytes(name: str, index: int) -> None:
    ledger = rows()
    ledger[index] = COLUMNS[name](ledger[index])
    found = walk(ledger)
    assert found is not None
    assert found.sequence == index + 1


def test_bytes_and_their_hash_changed_together_break_the_chain() -> None:
    ledger = rows()
    state = ledger[1].state.replace(b"1999", b"1998")
    ledger[1] = replace(ledger[1], state=state, entry=entry(state))
    assert walk(ledger) == Difference("acme", 2, "the chain does not go on from the event before")


def test_an_event_rewritten_with_its_hashes_is_found_at_the_next() -> None:
    ledger = rows()
    state = ledger[1].state.replace(b"1999", b"1998")
    ledger[1] = replace(
        ledger[1], state=state, entry=entry(state),
        ledger_hash=chain(ledger[0].ledger_hash, entry(state)),
    )  # fmt: skip
    assert walk(ledger) == Difference("acme", 3, "the chain does not go on from the event before")


def test_a_missing_event() -> None:
    ledger = rows()
    del ledger[2]
    assert walk(ledger) == Difference("acme", 3, "sequence 3 is missing")


def test_two_events_swapped() -> None:
    ledger = rows()
    first, second = ledger[1], ledger[2]
    ledger[1] = replace(second, sequence=first.sequence)
    ledger[2] = replace(first, sequence=second.sequence)
    assert walk(ledger) == Difference("acme", 2, "the chain does not go on from the event before")


def test_time_that_goes_back() -> None:
    """Hashed and chained as if it were in order: only a forged ledger can have it."""
    end = LedgerEnd(0, T0, {}, {})
    made = []
    for sent in (draft("e1"), draft("e2")):
        (event,) = place(end, [sent])
        assert isinstance(event, Recorded)
        made.append(row(sent, event))
        end.received_us -= 1
    assert walk(made) == Difference("acme", 2, "received_at goes back")


@pytest.mark.parametrize("state", [b"", b"{}", b"[1]", b"\xff", b'{"event_id":1}'])
def test_bytes_that_are_no_event(state: bytes) -> None:
    (first,) = rows(DRAFTS[:1])
    digest = entry(state)
    forged = replace(first, state=state, entry=digest, ledger_hash=chain(bytes(32), digest))
    assert walk([forged]) == Difference("acme", 1, "the stored bytes are not an event")
