"""A walk along a ledger page by page says what going row by row says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.ledger.hashing import chain, entry, leaf_hash
from domain.ledger.merkle import tree_root
from domain.ledger.recompute import Difference, LedgerRow, LedgerWalk
from domain.ledger.tiles import WIDTH
from tests.domain.ledger.drafts import correction, draft
from tests.domain.ledger.walking import COLUMNS, DRAFTS, page, rows, walk


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
