"""Rounds over a store that somebody changed: what is refused, and when it goes on."""

from __future__ import annotations

import pytest

from infrastructure.ledger.behind import LedgerBehind, LedgerDiffers
from tests.infrastructure.ledger.cell import Cell

pytestmark = pytest.mark.anyio

# -- somebody changes what was signed --------------------------------------------------------------

HEADS = {
    "size": "update ledger_heads set size = size + 1 where tenant_id = 'acme'",
    "far": "update ledger_heads set size = 1000000 where tenant_id = 'acme'",
    "negative": "update ledger_heads set size = -1 where tenant_id = 'acme'",
    "root": "update ledger_heads set root = sha256('x') where tenant_id = 'acme'",
    "frontier": "update ledger_heads set frontier = sha256('x') || sha256('y')"
                " where tenant_id = 'acme'",
    "short frontier": "update ledger_heads set frontier = '' where tenant_id = 'acme'",
    "origin": "update ledger_heads set origin = 'else.example/acme' where tenant_id = 'acme'",
    "epoch": "update ledger_heads set epoch = 2 where tenant_id = 'acme'",
    "place": "update ledger_heads set place = 7 where tenant_id = 'acme'",
    "no place": "update ledger_heads set place = null where tenant_id = 'acme'",
    "gone": "delete from ledger_heads where tenant_id = 'acme'",
    "another log": "update ledger_heads set tenant_id = case tenant_id when 'acme' then 'new'"
                   " else 'acme' end where tenant_id in ('acme', 'gone')",
    "as before": "update ledger_heads as h set size = 1, root = b.root, frontier = b.root"
                 " from before as b where tenant_id = 'acme'",
}  # fmt: skip


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("what", HEADS)
async def test_a_head_that_is_not_the_signed_one(cell: Cell, what: str, restarted: bool) -> None:
    await cell.sign(acme=1)
    cell.rows("create table before as select root from ledger_heads where tenant_id = 'acme'")
    with cell.session() as running:
        for tenant_id in ("acme", "acme", "zeta", "gone"):
            await cell.record(tenant_id)
        await cell.follow()
        running.turn()
        kept = cell.rows("select * from ledger_heads where tenant_id = 'acme'")
        cell.rows(HEADS[what])
        for tenant_id in ("acme", "zeta", "nova"):
            await cell.record(tenant_id)
        await cell.follow()
        with cell.session(retry_refused=0.0) as fresh:
            signing = fresh if restarted else running
            turn = signing.turn()
            assert set(turn.refused) == {"acme"}
            assert cell.sizes() == {"acme": 3, "zeta": 2, "nova": 1, "gone": 1}
            await cell.record("zeta")
            await cell.follow()
            again = signing.turn()
            assert set(again.refused) == ({"acme"} if restarted else set())
            assert again.signed is not None
    assert kept
    assert cell.sizes() == {"acme": 3, "zeta": 3, "nova": 1, "gone": 1}


WHOLE = {
    "size": "update ledger_heads set size = size + 1 where tenant_id = '_global'",
    "smaller": "update ledger_heads set size = size - 1 where tenant_id = '_global'",
    "root": "update ledger_heads set root = sha256('x') where tenant_id = '_global'",
    "frontier": "update ledger_heads set frontier = sha256('x') where tenant_id = '_global'",
    "origin": "update ledger_heads set origin = 'else.example' where tenant_id = '_global'",
    "gone": "delete from ledger_heads where tenant_id = '_global'",
    "leaves": "update ledger_round_heads set leaves = set_byte(leaves, 3, 7)",
    "fewer leaves": "update ledger_round_heads set leaves = substring(leaves, 1, 32)",
    "no leaves": "delete from ledger_round_heads",
}
APPENDED = {
    "text": ("ledger_rounds", "update ledger_rounds set text = replace(text, 'v1', 'v2')"),
    "number": ("ledger_rounds", "update ledger_rounds set round = 9 where round = 2"),
    "round gone": ("ledger_rounds", "delete from ledger_rounds where round = 2"),
    "rounds gone": ("ledger_rounds", "delete from ledger_rounds"),
    "note": ("ledger_checkpoints", "update ledger_checkpoints set note = note || 'x'"),
    "note gone": ("ledger_checkpoints", "delete from ledger_checkpoints where size = 2"),
}


@pytest.mark.parametrize("what", [*WHOLE, *APPENDED])
async def test_nothing_is_signed_over_a_damaged_round(cell: Cell, what: str) -> None:
    """For a log that was signed otherwise would say two things of one size."""
    await cell.sign(acme=1, zeta=1)
    await cell.sign(acme=2)
    await cell.record("acme")
    await cell.follow()
    if what in WHOLE:
        cell.rows(WHOLE[what])
    else:
        cell.tamper(*APPENDED[what])
    before = cell.rows("select * from ledger_checkpoints order by tenant_id, size")
    with pytest.raises(LedgerDiffers, match=r"restore|bring back"), cell.session() as signing:
        signing.turn()
    assert cell.rows("select * from ledger_checkpoints order by tenant_id, size") == before


# -- somebody changes the events -------------------------------------------------------------------


async def test_an_event_missing_behind_the_signed_ones(cell: Cell) -> None:
    with cell.session() as signing:
        for tenant_id in ("acme", "zeta"):
            await cell.record(tenant_id, 3)
        await cell.follow()
        signing.turn()
        await cell.record("acme", 4)
        await cell.record("zeta")
        await cell.follow()
        cell.tamper("events", "delete from events where tenant_id = 'acme' and sequence = 5")
        turn = signing.turn()
        assert turn.refused == {"acme": (5, "an event behind the last signed one is gone")}
        assert cell.sizes() == {"acme": 3, "zeta": 4}


async def test_an_event_recorded_anew(cell: Cell) -> None:
    """The tail of one ledger cut, and written on: a second thing under one sequence."""
    await cell.sign(acme=5)
    await cell.sign(zeta=1)
    with cell.session() as signing:
        cell.tamper("events", "delete from events where tenant_id = 'acme' and sequence >= 4")
        cell.rows("delete from disclosures where tenant_id = 'acme' and sequence >= 4")
        await cell.record("acme", 1)
        await cell.follow()
        turn = signing.turn()
        assert turn.refused == {"acme": (4, "an event is recorded anew that was signed before")}
        await cell.record("acme", 3)
        await cell.record("zeta", 1)
        await cell.follow()
        assert signing.turn().refused == {}, "told once, and not signed on"
    kept = dict(cell.rows("select tenant_id, max(size) from ledger_checkpoints group by 1"))
    assert (kept["acme"], kept["zeta"]) == (5, 2)


async def test_the_tail_of_all_cut(cell: Cell) -> None:
    await cell.sign(acme=5)
    with cell.session() as signing:
        cell.tamper("events", "delete from events where sequence = 5")
        with pytest.raises(LedgerBehind, match="position 5 is signed and 4 is the last one there"):
            signing.turn()


async def test_a_refused_log_goes_on_when_it_holds_again(cell: Cell) -> None:
    with cell.session(retry_refused=0.0) as signing:
        await cell.record("acme", 3)
        await cell.follow()
        signing.turn()
        cell.rows("update ledger_heads set size = 2 where tenant_id = 'acme'")
        await cell.record("acme", 2)
        await cell.follow()
        assert set(signing.turn().refused) == {"acme"}
        await cell.record("acme", 2)
        await cell.follow()
        assert set(signing.turn().refused) == {"acme"}, "looked at again"
        cell.rows("update ledger_heads set size = 3 where tenant_id = 'acme'")
        turn = signing.turn()
        assert (turn.refused, turn.passed) == ({}, ["acme"])
        assert signing.turn().passed == []
    assert cell.checkpoints()["acme"] == [3, 7]


async def test_a_refused_log_is_remembered_by_its_alarm(cell: Cell) -> None:
    """After a restart too it is looked at again, without a new event of it."""
    await cell.sign(acme=3)
    cell.rows("insert into ledger_alarms values ('acme', 'signer', 3, 'why', 0)")
    cell.rows("insert into ledger_alarms values ('zeta', 'audit', 3, 'why', 0)")
    cell.rows("insert into ledger_alarms values ('_global', 'signer', 3, 'why', 0)")
    with cell.session() as signing:
        turn = signing.turn()
    assert (turn.passed, turn.refused, turn.signed) == (["acme"], {}, None)


async def test_a_refused_log_is_not_signed_over_other_events(cell: Cell) -> None:
    """The head is the signed one again, the events below it are not."""
    with cell.session(retry_refused=0.0) as signing:
        await cell.record("acme", 3)
        await cell.follow()
        signing.turn()
        cell.rows("update ledger_heads set size = 2 where tenant_id = 'acme'")
        await cell.record("acme", 1)
        await cell.follow()
        assert set(signing.turn().refused) == {"acme"}
        cell.rows("update ledger_heads set size = 3 where tenant_id = 'acme'")
        cell.tamper("events", "update events set entry = sha256('x') where sequence = 2")
        turn = signing.turn()
        assert (turn.refused, turn.passed) == (
            {"acme": (1, "the events are not those that were signed")}, [],
        )  # fmt: skip
