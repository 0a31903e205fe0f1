"""An audit in steps, each from where the one before had come to, finds what one at once does."""

from __future__ import annotations

from typing import Any

from domain.ledger.append import LedgerEnd, TenantEnd, place
from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import Frontier, tree_root
from domain.ledger.recompute import Difference, Reached
from domain.ledger.tiles import WIDTH
from domain.orders.events import Recorded
from infrastructure.event_store.auditing import LedgerAudit
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import fresh, triggers_off
from tests.infrastructure.event_store.trees import EVENTS, Tampered


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
    with triggers_off(tree.ledger):  # gone again: the events before it are made up
        tree.run("delete from events where tenant_id = %s", tenant)
