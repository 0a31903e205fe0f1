"""What was signed of a ledger, and its tiles, against what its events give when a superuser has
changed one or the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from application.ledger.ports import GLOBAL
from domain.ledger.append import LedgerEnd, TenantEnd, place
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.hashing import chain, entry, leaf_hash
from domain.ledger.merkle import Frontier, tree_root
from domain.ledger.recompute import Difference, Reached
from domain.ledger.tiles import WIDTH
from domain.orders.events import Recorded
from infrastructure.event_store import auditing
from infrastructure.event_store.auditing import LedgerAudit, audit
from infrastructure.key_store.files import FileKeyStore
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import Ledger, accepted, committing, fresh
from tests.infrastructure.event_store.test_auditing import triggers_off

EVENTS = 600
SIZES = (1, 200, 256, EVENTS)


class Tampered:
    """A tenant's ledger as a superuser holds it, with all that is made of it."""

    def __init__(self, ledger: Ledger, url: str, keys: FileKeyStore) -> None:
        self.ledger = ledger
        self.tenant = fresh("tree")
        self._url = url
        self._keys = keys
        self._numbers = count(1)

    def record(self, events: int) -> None:
        async def fill() -> None:
            async with committing(self._url, self._keys) as door:
                for start in range(0, events, 200):
                    numbers = [next(self._numbers) for _ in range(min(200, events - start))]
                    drafts = [draft(f"e{one}", f"o{one % 9}", self.tenant) for one in numbers]
                    accepted(await door.submit(drafts))

        asyncio.run(fill())

    def leaves(self) -> list[bytes]:
        rows = self.ledger.rows(
            "select entry from events where tenant_id = %s order by sequence", self.tenant
        )
        return [leaf_hash(row[0]) for row in rows]

    def store_tiles(self) -> None:
        leaves = self.leaves()
        for index in range(len(leaves) // WIDTH):
            self.store_tile(0, index, leaves[index * WIDTH : (index + 1) * WIDTH])

    def store_tile(self, level: int, index: int, hashes: Sequence[bytes]) -> None:
        self.run(
            "insert into ledger_tiles values (%s, %s, %s, %s, %s)"
            " on conflict (tenant_id, level, tile) do update set hashes = excluded.hashes",
            self.tenant, level, index, b"".join(hashes), tree_root(hashes),
        )  # fmt: skip

    def sign(self, sizes: Sequence[int] = SIZES, epoch: int = 1, tenant: str = "") -> None:
        leaves = self.leaves()
        for size in sizes:
            text = Checkpoint("origin.example", size, tree_root(leaves[:size])).text()
            self.run(
                "insert into ledger_checkpoints (tenant_id, epoch, size, note, round, signed_us)"
                " values (%s, %s, %s, %s, 1, 1)",
                tenant or self.tenant, epoch, size, f"{text}\n\N{EM DASH} name c2lnbmF0dXJl\n",
            )  # fmt: skip

    def run(self, statement: str, *parameters: object) -> None:
        assert self.ledger.connection.execute(statement.encode(), parameters).rowcount > 0

    def change(self, statement: str) -> None:
        """Something of this tenant's, with every trigger off."""
        guards = self.ledger.rows(
            "select tgrelid::regclass::text, tgname from pg_trigger where not tgisinternal"
            " and tgrelid in ('events'::regclass, 'ledger_checkpoints'::regclass)"
        )
        for table, name in guards:
            self._alter(f"alter table {table} disable trigger {name}")
        self.run(f"{statement} and tenant_id = %s", self.tenant)
        for table, name in guards:
            self._alter(f"alter table {table} enable always trigger {name}")

    def _alter(self, statement: str) -> None:
        self.ledger.connection.execute(statement.encode())

    def audit(self) -> tuple[int, list[tuple[int, str]]]:
        held, found = audit(self.ledger.connection, [self.tenant])
        assert {one.tenant_id for one in found} <= {self.tenant}
        return held, [(one.sequence, one.what) for one in found]


@pytest.fixture
def tree(database_url: str, ledger: Ledger, key_store: FileKeyStore) -> Tampered:
    made = Tampered(ledger, database_url, key_store)
    made.record(EVENTS)
    made.store_tiles()
    made.sign()
    return made


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


# -- in steps ----------------------------------------------------------------------------------


def steps(tree: Tampered, reached: Reached | None = None) -> tuple[list[int], list[Any], Reached]:
    """Each step by an audit of its own, which begins where the one before had come to."""
    looked, found, ended = [], [], False
    while not ended:
        one = LedgerAudit(tree.ledger.connection, tree.tenant, reached)
        found += [(each.sequence, each.what) for each in one.go_on(WIDTH)]
        reached, ended = one.walk.reached, one.ended
        looked.append(reached.sequence)
    assert reached is not None
    return looked, found, reached


def test_in_steps_that_are_kept(tree: Tampered) -> None:
    looked, found, reached = steps(tree)
    assert (looked, found) == ([256, 512, 600], [])
    tree.record(200)
    tree.store_tiles()
    tree.sign([EVENTS + 200])
    looked, found, reached = steps(tree, reached)
    assert (looked, found) == ([768, 800], [])
    assert (
        tree_root(tree.leaves())
        == LedgerAudit(tree.ledger.connection, tree.tenant, reached).walk.root()
    )


def test_a_tile_of_which_a_step_saw_the_end_only(tree: Tampered) -> None:
    *_, reached = steps(tree)
    tree.record(200)
    tree.store_tiles()
    tree.change(
        "update ledger_tiles set hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0))"
        " where tile = 2"
    )
    _, found, _ = steps(tree, reached)
    assert found == [(513, "tile 0/2 is not what its events give")]


def test_an_event_changed_between_two_steps(tree: Tampered) -> None:
    one = LedgerAudit(tree.ledger.connection, tree.tenant)
    assert one.go_on(WIDTH) == []
    tree.change("update events set event_id = 'x' where sequence = 400")
    found = one.go_on()
    what = "the column event_id is not what the stored bytes say"
    assert found == [Difference(tree.tenant, 400, what)]
    assert one.ended
    assert one.walk.sequence == 399


def test_what_is_added_and_signed_meanwhile_is_not_looked_at(tree: Tampered) -> None:
    one = LedgerAudit(tree.ledger.connection, tree.tenant)
    tree.record(200)
    tree.store_tiles()
    tree.sign([EVENTS + 200])
    assert one.go_on() == []
    assert (one.ended, one.walk.sequence) == (True, EVENTS)


def test_a_tile_of_the_level_above(tree: Tampered) -> None:
    """The last ten events of 65,536, behind a tree whose other leaves are made up."""
    before = WIDTH * WIDTH - 10
    leaves = [leaf_hash(b"%d" % index) for index in range(before)]
    frontier = Frontier()
    frontier.extend(leaves)
    reached = Reached(before, bytes(32), 0, 0, frontier.to_bytes())
    tenant = tree.tenant = fresh("above")
    ((position,),) = tree.ledger.rows("select max(position) from events")
    end = LedgerEnd(position, 1, {tenant: TenantEnd(before, bytes(32))}, {})
    sent = [draft(f"e{number}", tenant_id=tenant) for number in range(10)]
    for one, event in zip(sent, place(end, sent), strict=True):
        assert isinstance(event, Recorded)
        tree.run(
            "insert into events values (%s, %s, %s, %s, %s, %s, %s, null, %s, %s, %s, %s)",
            event.position, event.originator_id, event.originator_version, one.topic, tenant,
            event.sequence, one.event_id, event.received_us, event.entry, event.ledger_hash,
            event.state,
        )  # fmt: skip
    leaves += tree.leaves()
    below = [leaves[at : at + WIDTH] for at in range(0, len(leaves), WIDTH)]
    tree.store_tile(0, WIDTH - 1, below[-1])
    tree.store_tile(1, 0, [tree_root(one) for one in below])
    assert steps(tree, reached)[:2] == ([WIDTH * WIDTH], [])
    tree.change("update ledger_tiles set root = sha256('') where level = 1")
    assert steps(tree, reached)[1] == [(1, "tile 1/0 is not what its events give")]
    with triggers_off(tree.ledger):  # gone again: other tests walk whole ledgers
        tree.run("delete from events where tenant_id = %s", tenant)
