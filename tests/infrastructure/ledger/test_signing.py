"""Rounds on a real store: what is signed, what is never signed twice, and who is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from psycopg import errors

from application.ledger.ports import GLOBAL
from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import tree_root
from domain.ledger.tiles import WIDTH
from infrastructure.ledger import signed_store
from infrastructure.ledger.behind import LedgerBehind, LedgerDiffers
from infrastructure.ledger.signing import Overtaken
from infrastructure.ledger.signing_keys import FileLogKeys
from tests.infrastructure.ledger.cell import Cell

pytestmark = pytest.mark.anyio


async def test_each_checkpoint_is_over_the_entries(cell: Cell) -> None:
    for counts in ({"acme": 3}, {"zeta": 300, "acme": 1}, {"nova": 1}):
        await cell.sign(**counts)
    assert cell.checkpoints() == {
        "acme": [3, 4], "zeta": [300], "nova": [1], GLOBAL: [1, 2, 3],
    }  # fmt: skip


async def test_nothing_is_signed_again(cell: Cell) -> None:
    await cell.sign(acme=3)
    before = cell.rows("select * from ledger_checkpoints order by tenant_id")
    with cell.session() as signing:
        for _ in range(3):
            turn = signing.turn()
            assert (turn.signed, turn.more, turn.refused) == (None, False, {})
    assert cell.rows("select * from ledger_checkpoints order by tenant_id") == before
    assert cell.rounds() == 1


async def test_no_further_than_the_tiles_reach(cell: Cell) -> None:
    await cell.record("acme", 300)
    with cell.session() as signing:
        assert signing.turn().signed is None
        await cell.follow()
        assert signing.turn().signed is not None
    assert cell.sizes() == {"acme": 300}


async def test_a_session_goes_on_from_the_one_before(cell: Cell) -> None:
    with cell.session() as first:
        for count in (1, 2):
            await cell.record("acme", count)
            await cell.follow()
            first.turn()
    await cell.sign(acme=4, zeta=1)
    assert cell.checkpoints() == {"acme": [1, 3, 7], "zeta": [1], GLOBAL: [1, 2, 3]}


async def test_a_backlog_is_signed_in_parts(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signed_store, "BATCH_EVENTS", 50)
    await cell.record("acme", 120)
    await cell.record("zeta", 30)
    await cell.follow()
    with cell.session() as signing:
        assert [signing.turn().more for _ in range(4)] == [True, True, False, False]
    assert cell.checkpoints() == {"acme": [50, 100, 120], "zeta": [30], GLOBAL: [1, 2, 3]}


async def test_the_tiles_of_the_global_log(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over 300 rounds; and where nobody can wait for 65,536 of them, over tiles of 4."""
    await cell.record("acme", 330)
    await cell.follow()
    monkeypatch.setattr(signed_store, "BATCH_EVENTS", 1)
    with cell.session() as signing:
        while signing.turn().more:
            pass
    rounds = [leaf_hash(entry) for entry in cell.entries()[GLOBAL]]
    assert cell.checkpoints()[GLOBAL] == list(range(1, 331))
    (whole,) = cell.rows("select root from ledger_heads where tenant_id = '_global'")
    assert whole == (tree_root(rounds),)
    assert cell.rows("select tenant_id, level, tile, hashes, root from ledger_global_tiles") == [
        (GLOBAL, 0, 0, b"".join(rounds[:WIDTH]), tree_root(rounds[:WIDTH]))
    ]
    kept = [number for (number,) in cell.rows("select round from ledger_round_heads order by 1")]
    assert kept == list(range(331 - signed_store.KEPT_ROUNDS, 331))


async def test_the_levels_above(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """With tiles of 4, for nobody waits for 65,536 rounds."""
    monkeypatch.setattr(signed_store, "HEIGHT", 2)
    monkeypatch.setattr(signed_store, "WIDTH", 4)
    monkeypatch.setattr(signed_store, "BATCH_EVENTS", 1)
    await cell.record("acme", 70)
    await cell.follow()
    with cell.session() as signing:
        while signing.turn().more:
            pass
    rounds = [leaf_hash(entry) for entry in cell.entries()[GLOBAL]]
    expected = []
    for level, count in enumerate((17, 4, 1)):
        span = 4**level
        for tile in range(count):
            hashes = [
                tree_root(rounds[at * span : (at + 1) * span])
                for at in range(tile * 4, tile * 4 + 4)
            ]
            expected.append((level, tile, b"".join(hashes), tree_root(hashes)))
    assert expected == cell.rows(
        "select level, tile, hashes, root from ledger_global_tiles order by level, tile"
    )


async def test_two_at_once_never_sign_two_things_of_one_size(cell: Cell) -> None:
    """As when the lock is not held, behind a pooler that gives connections away."""

    def work(stopping: Callable[[], bool]) -> int:
        lost = 0
        while not stopping():
            with suppress(Overtaken, errors.UniqueViolation), cell.session() as signing:
                lost += 1
                while not stopping():
                    assert signing.turn().refused == {}
        return lost - 1

    done = asyncio.Event()
    workers = [asyncio.create_task(asyncio.to_thread(work, done.is_set)) for _ in range(3)]
    for _ in range(40):
        await cell.record("acme", 2)
        await cell.record("zeta")
        await cell.follow()
    done.set()
    overtaken = sum(await asyncio.gather(*workers))
    assert overtaken > 0, "they must meet"
    await cell.sign()
    assert cell.sizes() == {"acme": 80, "zeta": 40}
    numbers = [number for (number,) in cell.rows("select round from ledger_rounds order by 1")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert cell.standing() == {}


async def test_one_that_is_overtaken_alarms_nobody(cell: Cell) -> None:
    await cell.record()
    await cell.follow()
    with cell.session() as slow, cell.session() as fast:
        fast.turn()
        with pytest.raises(Overtaken):
            slow.turn()
    assert cell.checkpoints() == {"acme": [1], GLOBAL: [1]}


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
    "note": ("ledger_checkpoints", "update ledger_checkpoints set note = replace(note, 'A', 'B')"),
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


async def test_other_keys_sign_nothing(cell: Cell, tmp_path: Path) -> None:
    await cell.sign(acme=1)
    cell.keys = FileLogKeys(tmp_path / "others", lambda: 1)
    with pytest.raises(LedgerDiffers, match="bring back the right ones"), cell.session():
        pass


async def test_keys_that_rotate_go_on(cell: Cell) -> None:
    await cell.sign(acme=1)
    cell.keys.rotate()
    await cell.sign(acme=1)
    cell.keys.retire()
    await cell.sign(acme=1)
    assert cell.checkpoints() == {"acme": [1, 2, 3], GLOBAL: [1, 2, 3]}


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
