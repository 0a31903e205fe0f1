"""A walk along a ledger that holds, and along one with a single thing changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple, replace

from domain.ledger.append import LedgerEnd, place
from domain.ledger.hashing import chain, entry, leaf_hash
from domain.ledger.merkle import tree_root
from domain.ledger.recompute import Difference, LedgerRow, LedgerWalk, Row
from domain.ledger.tiles import WIDTH
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


# -- a page at once ----------------------------------------------------------------------------


def page(ledger: list[LedgerRow]) -> list[Row]:
    """As they come from the database."""
    return [(*astuple(one)[:2], one.originator_id.bytes, *astuple(one)[3:]) for one in ledger]


def many(count: int) -> list[LedgerRow]:
    return rows([draft(f"e{number}", f"o{number % 7}") for number in range(count)])


LEDGER = many(40)


def test_a_page_that_holds_is_held_at_once() -> None:
    walking = LedgerWalk("acme")
    ledger = rows()
    assert walking._held(page(ledger)) == [one.entry for one in ledger]
    assert walking.check_page(page(ledger)) is None
    one_by_one = LedgerWalk("acme")
    assert [one_by_one.check(one) for one in ledger] == [None] * len(ledger)
    assert walking.reached == one_by_one.reached


@pytest.mark.parametrize("name", [*COLUMNS, "state", "sequence"])
@pytest.mark.parametrize("index", range(len(DRAFTS)))
def test_each_column_in_a_page(name: str, index: int) -> None:
    """What is said, and how far it went, is what going row by row says."""
    changes: dict[str, Callable[[LedgerRow], LedgerRow]] = {
        **COLUMNS,
        "state": lambda r: replace(r, state=r.state.replace(b"v1", b"v2")),
        "sequence": lambda r: replace(r, sequence=r.sequence + 1),
    }
    ledger = rows()
    ledger[index] = changes[name](ledger[index])
    walking, one_by_one = LedgerWalk("acme"), LedgerWalk("acme")
    found = walking.check_page(page(ledger))
    assert found is not None
    assert found == next(filter(None, map(one_by_one.check, ledger)))
    assert walking.reached == one_by_one.reached
    assert walking.reached.sequence == index


NULLS = [name for name in LedgerRow.__struct_fields__ if name != "correction_of"]


@pytest.mark.parametrize("name", NULLS)
def test_a_column_that_is_null(name: str) -> None:
    ledger = page(rows())
    values = list(ledger[2])
    values[LedgerRow.__struct_fields__.index(name)] = None
    ledger[2] = tuple(values)
    found = LedgerWalk("acme").check_page(ledger)
    assert found == Difference("acme", 3, f"the column {name} is empty")


def sealed(state: bytes, **columns: Any) -> LedgerRow:
    """A first row with these bytes and their true hashes, so that only the columns can differ."""
    (first,) = rows(DRAFTS[:1])
    digest = entry(state)
    made = replace(first, state=state, entry=digest, ledger_hash=chain(bytes(32), digest))
    return replace(made, **columns)


INNER = b'{"correction_of":"c7","event_id":"e7","order_id":"o7","order_version":7,"tenant_id":"t7"}'


@pytest.mark.parametrize("within", ["payload", "metadata"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("event_id", "e7"),
        ("correction_of", "c7"),
        ("originator_id", draft("e7", "o7").originator_id),
        ("originator_version", 7),
        ("tenant_id", "t7"),
    ],
)
def test_what_payload_and_metadata_hold_is_not_what_is_said(
    within: str, name: str, value: object
) -> None:
    changes: dict[str, Any] = {within: INNER}
    (true,) = rows([draft("e1", **changes)])
    assert walk([true]) is None
    assert LedgerWalk("acme").check_page(page([true])) is None
    found = LedgerWalk("acme").check_page(page([replace(true, **{name: value})]))
    assert found == Difference("acme", 1, f"the column {name} is not what the stored bytes say")


@pytest.mark.parametrize(
    "text", ['a"b', "a\\b", 'x","event_id":"e7', "\u00e9\u4e16\U0001f600", "\x1f"]
)
def test_names_that_json_escapes(text: str) -> None:
    ledger = rows([draft(text, text), correction("c", text, text), draft("e", text + "x")])
    assert LedgerWalk("acme")._held(page(ledger)) is not None
    ledger[0] = replace(ledger[0], event_id=text + "x")
    assert LedgerWalk("acme").check_page(page(ledger)) == Difference(
        "acme", 1, "the column event_id is not what the stored bytes say"
    )


FORGED: dict[str, tuple[bytes, bytes]] = {
    "a field is missing": (b'"salt":"AAECAwQFBgcICQoLDA0ODw",', b""),
    "a field is of another type": (b'"source":"shop"', b'"source":1'),
    "the payload is no object": (b'"payload":{"total_minor":1999}', b'"payload":[1]'),
    "of an order and of a stream": (b'"tenant_id"', b'"stream":"s","stream_version":1,"tenant_id"'),
    "of neither": (b'"order_id":"o1",', b""),
    "received_at in another form": (b":58.000001Z", b":58.000001+00:00"),
    "received_at is no time": (b'"received_at":"2025', b'"received_at":"x'),
    "something follows": (b'"v":1}', b'"v":1}{}'),
}


@pytest.mark.parametrize("what", FORGED)
def test_bytes_that_are_forged_with_all_their_hashes(what: str) -> None:
    (true,) = rows(DRAFTS[:1])
    old, new = FORGED[what]
    assert old in true.state
    forged = sealed(true.state.replace(old, new))
    expected = Difference("acme", 1, "the stored bytes are not an event")
    assert LedgerWalk("acme").check_page(page([forged])) == expected
    assert walk([forged]) == expected


def test_another_tenants_event_in_every_column() -> None:
    (other,) = rows([draft("e1", tenant_id="zeta")])
    assert LedgerWalk("zeta").check_page(page([other])) is None
    assert LedgerWalk("acme").check_page(page([other])) is not None
    assert walk([other]) is not None


ACME = draft("e1").originator_id


@pytest.mark.parametrize(
    ("column", "said", "what"),
    [
        ("acme", "zeta", "the column tenant_id is not what the stored bytes say"),
        ("zeta", "acme", "the column tenant_id is not what the stored bytes say"),
        ("zeta", "zeta", "the event is another tenant's"),
    ],
)
def test_another_tenants_event_under_an_originator_of_ours(
    column: str, said: str, what: str
) -> None:
    """The originator id is the only column that a tenant's name is also in: here it is forged."""
    (event,) = rows([draft("e1", tenant_id=said)])
    forged = replace(event, tenant_id=column, originator_id=ACME)
    assert LedgerWalk("acme").check_page(page([forged])) == Difference("acme", 1, what)
    assert walk([forged]) == Difference("acme", 1, what)


def test_a_received_us_that_is_no_time() -> None:
    for us in (2**62, -(2**62)):
        (row,) = rows(DRAFTS[:1])
        assert LedgerWalk("acme").check_page(page([replace(row, received_us=us)])) is not None


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5).map(sorted))
def test_a_walk_that_is_broken_off_and_gone_on_with(cuts: list[int]) -> None:
    whole = LedgerWalk("acme")
    assert whole.check_page(page(LEDGER)) is None
    reached = None
    for start, end in zip([0, *cuts], [*cuts, 40], strict=True):
        part = LedgerWalk("acme", reached)
        if start < end:
            assert part.check_page(page(LEDGER[start:end])) is None
        reached = part.reached
    assert reached == whole.reached
    assert whole.root() == tree_root([leaf_hash(one.entry) for one in LEDGER])


def test_what_was_reached_must_fit_together() -> None:
    walking = LedgerWalk("acme")
    assert walking.check_page(page(LEDGER)) is None
    with pytest.raises(ValueError, match="peaks"):
        LedgerWalk("acme", replace(walking.reached, sequence=39))


@given(st.sets(st.integers(1, 40)).map(sorted), st.integers(0, 39))
def test_roots_at_the_sizes_asked_for(sizes: list[int], start: int) -> None:
    walking = LedgerWalk("acme")
    if start:
        assert walking.check_page(page(LEDGER[:start])) is None
    wanted = [size for size in sizes if size > start]
    assert walking.check_page(page(LEDGER[start:]), wanted) is None
    leaves = [leaf_hash(one.entry) for one in LEDGER]
    assert walking.roots == {size: tree_root(leaves[:size]) for size in wanted}


def test_roots_and_tiles_before_the_row_that_differs() -> None:
    ledger = many(WIDTH + 10)
    leaves = b"".join(leaf_hash(one.entry) for one in ledger[:WIDTH])
    ledger[WIDTH + 5] = replace(ledger[WIDTH + 5], event_id="another")
    walking = LedgerWalk("acme")
    found = walking.check_page(page(ledger), [10, WIDTH + 5, WIDTH + 6])
    assert found is not None
    assert found.sequence == WIDTH + 6
    assert sorted(walking.roots) == [10, WIDTH + 5]
    (tile,) = walking.tiles
    assert (tile.level, tile.index, tile.hashes) == (0, 0, leaves)
