"""What was signed of a ledger, and its tiles, against what its events give when a superuser has
changed one or the other."""

from __future__ import annotations

import pytest

from application.ledger.ports import GLOBAL
from domain.ledger.hashing import chain, entry
from domain.ledger.recompute import Difference
from domain.ledger.tiles import WIDTH
from infrastructure.event_store import auditing
from infrastructure.event_store.auditing import audit
from tests.infrastructure.event_store.kit import triggers_off
from tests.infrastructure.event_store.trees import EVENTS, Tampered


def of_checkpoint(size: int) -> str:
    return f"the tree at size {size} is not the one of the checkpoint signed then"


def test_what_was_signed_of_what_is_there(tree: Tampered) -> None:
    assert tree.audit() == (EVENTS, [])
    held, found = audit(tree.ledger.connection)
    assert held >= EVENTS
    assert tree.tenant not in {one.tenant_id for one in found}


def test_an_event_edited_and_all_chained_anew(tree: Tampered) -> None:
    """Everything in the events holds; only what was made of them before tells."""
    rows = tree.ledger.rows(
        "select sequence, state, ledger_hash from events where tenant_id = %s"
        " and sequence >= 299 order by sequence", tree.tenant,
    )  # fmt: skip
    head = rows[0][2]
    with triggers_off(tree.ledger):
        for sequence, state, _ in rows[1:]:
            forged = state.replace(b"1999", b"1998") if sequence == 300 else state
            digest = entry(forged)
            head = chain(head, digest)
            tree.run(
                "update events set state = %s, entry = %s, ledger_hash = %s"
                " where tenant_id = %s and sequence = %s",
                forged, digest, head, tree.tenant, sequence,
            )  # fmt: skip
    told = [(257, of_checkpoint(EVENTS)), (257, "tile 0/1 is not what its events give")]
    assert tree.audit() == (EVENTS, told)


@pytest.mark.parametrize("column", ["hashes", "root"])
@pytest.mark.parametrize("tile", [0, 1])
def test_a_byte_of_a_tile(tree: Tampered, column: str, tile: int) -> None:
    changed = f"set_byte({column}, 31, 255 - get_byte({column}, 31))"
    tree.change(f"update ledger_tiles set {column} = {changed} where tile = {tile}")
    told = [(tile * WIDTH + 1, f"tile 0/{tile} is not what its events give")]
    assert tree.audit() == (EVENTS, told)


def test_two_tiles_swapped(tree: Tampered) -> None:
    tree.change("update ledger_tiles set tile = tile + 2 where true")
    tree.change("update ledger_tiles set tile = 3 - tile where true")
    assert tree.audit() == (EVENTS, [(1, "tile 0/0 is not what its events give")])


def test_a_tile_taken_out(tree: Tampered) -> None:
    tree.change("delete from ledger_tiles where tile = 1")
    assert tree.audit() == (EVENTS, [(257, "tile 0/1 is missing")])


def test_a_tile_that_is_not_made_yet(tree: Tampered) -> None:
    """Nothing is signed over it: the read model may be behind."""
    tree.record(200)
    assert tree.audit() == (EVENTS + 200, [])


NOTES = {
    "another root": "overlay(note placing case substr(note, position(E'\\n6' in note) + 5, 1)"
    " when 'A' then 'B' else 'A' end from position(E'\\n6' in note) + 5)",
    "another size": "replace(note, E'\\n600\\n', E'\\n601\\n')",
    "no checkpoint": "'nothing'",
    "nothing": "''",
}


@pytest.mark.parametrize("what", NOTES)
def test_a_checkpoint_edited(tree: Tampered, what: str) -> None:
    tree.change(f"update ledger_checkpoints set note = {NOTES[what]} where size = 600")
    assert tree.audit() == (EVENTS, [(257, of_checkpoint(EVENTS))])


def test_the_first_checkpoint_that_differs_is_told(tree: Tampered) -> None:
    tree.change("update ledger_checkpoints set note = '' where size > 1")
    assert tree.audit() == (EVENTS, [(2, of_checkpoint(200))])


def test_the_tail_cut(tree: Tampered) -> None:
    tree.change("delete from events where sequence > 500")
    what = f"the checkpoint signed at size {EVENTS} has more events than are there"
    assert tree.audit() == (500, [(501, what)])


def test_a_ledger_of_which_only_what_was_signed_is_left(tree: Tampered) -> None:
    tree.change("delete from events where true")
    what = f"the checkpoint signed at size {EVENTS} has more events than are there"
    assert Difference(tree.tenant, 1, what) in audit(tree.ledger.connection)[1]


def test_an_event_and_a_tile_before_it(tree: Tampered) -> None:
    tree.change("update ledger_tiles set root = sha256('') where tile = 0")
    tree.change("update events set topic = 'x' where sequence = 300")
    assert tree.audit() == (
        299,
        [
            (300, "the column topic is not what the stored bytes say"),
            (1, "tile 0/0 is not what its events give"),
        ],
    )


def test_only_the_newest_origin_counts(tree: Tampered) -> None:
    """What an origin before it says may be of events that a restored backup has not."""
    tree.change("update ledger_checkpoints set note = '' where true")
    tree.sign([300], epoch=2)
    assert tree.audit() == (EVENTS, [])
    tree.change("update ledger_checkpoints set note = '' where epoch = 2")
    assert tree.audit() == (EVENTS, [(1, of_checkpoint(300))])


def test_the_head_says_which_origin_is_the_newest(tree: Tampered) -> None:
    """Also before the new one has signed anything; and of which size there must be events."""
    insert = "insert into ledger_heads values (%s, 0, 2, 'o', %s, '', '', 0, 0, 0)"
    tree.run(insert, tree.tenant, EVENTS)
    tree.change("delete from ledger_checkpoints where size = 1")
    tree.change("update ledger_checkpoints set note = '' where true")
    assert tree.audit() == (EVENTS, [])
    tree.change("update ledger_heads set size = 601 where true")
    what = "the checkpoint signed at size 601 has more events than are there"
    assert tree.audit() == (EVENTS, [(EVENTS + 1, what)])
    tree.run("delete from ledger_heads where tenant_id = %s", tree.tenant)


def test_the_global_log_is_no_tenants(tree: Tampered) -> None:
    tree.sign([7], tenant=GLOBAL)
    assert GLOBAL not in {one.tenant_id for one in audit(tree.ledger.connection)[1]}
    with_global = {row[0] for row in tree.ledger.rows(auditing.TENANTS)}
    assert GLOBAL not in with_global
    assert tree.tenant in with_global
