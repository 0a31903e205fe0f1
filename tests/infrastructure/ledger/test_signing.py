"""Rounds on a real store: what is signed, with whose keys, and what is never signed twice."""

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
from infrastructure.ledger.behind import LedgerDiffers
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
