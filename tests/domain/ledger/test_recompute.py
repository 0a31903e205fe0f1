"""A walk along a ledger that holds, and along one with a single thing changed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.ledger.append import LedgerEnd, place
from domain.ledger.hashing import chain, entry
from domain.ledger.recompute import Difference, LedgerWalk
from domain.orders.events import Recorded
from tests.domain.ledger.drafts import draft
from tests.domain.ledger.walking import COLUMNS, DRAFTS, T0, page, row, rows, walk


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
    found = LedgerWalk("acme").check_page(page(made))
    assert found == Difference("acme", 2, "received_at goes back")
    second = LedgerWalk("acme")
    assert second.check_page(page(made[:1])) is None
    assert second.check_page(page(made[1:])) == found


DEEP = b'{"payload":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001


@pytest.mark.parametrize("state", [b"", b"{}", b"[1]", b"\xff", b'{"event_id":1}', DEEP])
def test_bytes_that_are_no_event(state: bytes) -> None:
    (first,) = rows(DRAFTS[:1])
    digest = entry(state)
    forged = replace(first, state=state, entry=digest, ledger_hash=chain(bytes(32), digest))
    assert walk([forged]) == Difference("acme", 1, "the stored bytes are not an event")
