"""The signer at work: what it publishes, what it waits for, and that it may be cut off."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from application.ledger.ports import GLOBAL
from domain.ledger.notes import SignedNote
from tests.infrastructure.ledger.cell import Cell, Storage, published, signed, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def storage(cell: Cell) -> Storage:
    storage = Storage(cell.published)
    cell.published = storage
    return storage


def leader(cell: Cell) -> list[int]:
    """The backends that hold the signer's lock."""
    rows = cell.rows(
        "select a.pid from pg_locks l join pg_stat_activity a using (pid)"
        " where l.locktype = 'advisory' and l.granted and a.datname = current_database()"
        "   and a.application_name = 'test signer'"
    )
    return [pid for (pid,) in rows]


async def test_what_is_recorded_is_signed_and_published(cell: Cell) -> None:
    async with cell.signed_by(cell.signer()):
        await cell.record("acme", 3)
        await cell.record("zeta", 1)
        await until(signed(cell, acme=3, zeta=1))
        await cell.record("acme", 2)
        await until(signed(cell, acme=5, zeta=1))
        await until(published(cell))
    assert cell.standing() == {}


async def test_many_logs_take_turns_in_full(cell: Cell) -> None:
    """Ten at a time are signed by every key and published; the global log always; all are kept."""
    names = [f"shop-{number:02}" for number in range(25)]
    with cell.session(interval=0.01) as signing:
        for _ in range(5):
            await asyncio.gather(*(cell.record(name) for name in names))
            await cell.follow()
            signing.turn()
    assert cell.sizes() == dict.fromkeys(names, 5)
    rows = cell.rows("select tenant_id, round, in_full, note from ledger_checkpoints")
    for tenant_id, _, in_full, note in rows:
        assert len(SignedNote.parse(note).signatures) == (2 if in_full else 1)
        assert in_full or tenant_id != GLOBAL
    for number in range(1, 6):
        chosen = [one for one, at, in_full, _ in rows if at == number and in_full]
        assert len(chosen) == 11
    for three in ((1, 2, 3), (2, 3, 4), (3, 4, 5)):
        assert {one for one, at, in_full, _ in rows if in_full and at in three} == {*names, GLOBAL}
    async with cell.signed_by(cell.signer()):
        await until(published(cell))
    assert len(cell.on_disk()) == 55


async def test_nothing_happens_while_nothing_is_recorded(cell: Cell) -> None:
    async with cell.signed_by(cell.signer()):
        await cell.record()
        await until(published(cell))
        before = cell.rows("select * from ledger_heads order by tenant_id")
        await asyncio.sleep(0.3)  # some thirty intervals
        assert cell.rows("select * from ledger_heads order by tenant_id") == before
        assert cell.rounds() == 1


async def test_one_of_two_signs_and_the_other_when_that_one_is_gone(cell: Cell) -> None:
    async with cell.signed_by(cell.signer(), cell.signer()):
        for number in range(1, 4):
            await cell.record()
            await until(signed(cell, acme=number))
            (leading,) = leader(cell)
            cell.rows("select pg_terminate_backend(%s)", leading)
            await until(lambda leading=leading: leader(cell) not in ([leading], []))  # type: ignore[misc]  # a default binds early
        await until(published(cell))
    assert cell.checkpoints() == {"acme": [1, 2, 3], GLOBAL: [1, 2, 3]}


async def test_stopped_between_commit_and_publication(cell: Cell, storage: Storage) -> None:
    storage.open.clear()
    async with cell.signed_by(cell.signer()):
        await cell.record("acme", 3)
        async with asyncio.timeout(30):
            await storage.asked.wait()
        assert cell.sizes() == {"acme": 3}
    assert cell.on_disk() == {}
    storage.open.set()
    async with cell.signed_by(cell.signer()):
        await until(published(cell))
    assert cell.checkpoints() == {"acme": [3], GLOBAL: [1]}


async def test_cut_off_between_commit_and_publication(cell: Cell, storage: Storage) -> None:
    storage.open.clear()
    async with cell.signed_by(cell.signer()):
        await cell.record("acme", 3)
        async with asyncio.timeout(30):
            await storage.asked.wait()
        cell.rows("select pg_terminate_backend(pid) from unnest(%s::int[]) pid", leader(cell))
        storage.open.set()
        await cell.record("acme", 1)
        await until(signed(cell, acme=4))
        await until(published(cell))
    assert cell.checkpoints() == {"acme": [3, 4], GLOBAL: [1, 2]}


async def test_cut_off_anywhere(cell: Cell) -> None:
    """Again and again, while it signs and publishes."""
    async with cell.signed_by(cell.signer(interval=0.0)):
        for number in range(1, 41):
            await cell.record("acme", 2)
            await asyncio.sleep(0.002 * (number % 7))
            cell.rows("select pg_terminate_backend(pid) from unnest(%s::int[]) pid", leader(cell))
        await until(signed(cell, acme=80))
        await until(published(cell))
    assert cell.checkpoints()[GLOBAL] == list(range(1, cell.rounds() + 1))
    assert cell.standing() == {}


async def test_storage_that_is_away_for_a_while(cell: Cell, storage: Storage) -> None:
    async with cell.signed_by(cell.signer()):
        await cell.record()
        await until(published(cell))
        storage.away = True
        for number in range(2, 6):
            await cell.record()
            await until(signed(cell, acme=number))
        assert len(cell.on_disk()) == 2, "signing goes on, publishing waits"
        assert "checkpoints wait" in cell.standing()[GLOBAL]
        storage.away = False
        await until(published(cell))
        await until(lambda: cell.standing() == {})
    assert storage.order == [
        f"{log}/1/checkpoint/{size}" for size in range(1, 6) for log in ("acme", GLOBAL)
    ]


async def test_storage_that_was_lost_is_filled_again(cell: Cell, tmp_path: Path) -> None:
    async with cell.signed_by(cell.signer()):
        for number in range(1, 4):
            await cell.record()
            await until(signed(cell, acme=number))
        await until(published(cell))
    (tmp_path / "published").rename(tmp_path / "lost")
    async with cell.signed_by(cell.signer()):
        await until(published(cell))


async def test_keys_that_are_away_are_waited_for(cell: Cell, tmp_path: Path) -> None:
    async with cell.signed_by(cell.signer()):
        await cell.record()
        await until(signed(cell, acme=1))
        (tmp_path / "signing").rename(tmp_path / "away")
        await cell.record()
        await asyncio.sleep(0.2)  # some turns
        assert cell.rounds() == 1
        await until(lambda: not (tmp_path / "signing" / "keys").exists())
        (tmp_path / "away").rename(tmp_path / "signing")
        await until(signed(cell, acme=2))
    assert cell.standing() == {}
