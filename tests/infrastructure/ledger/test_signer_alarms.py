"""What the signer stops at, for one log or for all, and says in an alarm."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from application.ledger.ports import GLOBAL
from infrastructure.ledger.signing_keys import FileLogKeys
from tests.infrastructure.ledger.cell import Cell, published, signed, until

pytestmark = pytest.mark.anyio


async def test_keys_of_another_installation_are_an_alarm(cell: Cell, tmp_path: Path) -> None:
    await cell.sign(acme=1)
    others = FileLogKeys(tmp_path / "others", lambda: 1)
    async with cell.signed_by(cell.signer(keys=others)):
        await cell.record()
        await until(lambda: GLOBAL in cell.standing())
    assert "bring back the right ones" in cell.standing()[GLOBAL]
    assert cell.sizes() == {"acme": 1}
    async with cell.signed_by(cell.signer()):
        await until(signed(cell, acme=2))
        await until(lambda: cell.standing() == {})


async def test_a_tampered_head_is_an_alarm_once(cell: Cell) -> None:
    """In the table, and on the ledger of the tenant; the others go on. It goes with its cause."""
    async with cell.signed_by(cell.signer(retry_refused=0.05)):
        await cell.record("acme", 3)
        await until(signed(cell, acme=3))
        cell.rows("update ledger_heads set size = 4 where tenant_id = 'acme'")
        await cell.record("acme")
        await until(lambda: set(cell.standing()) == {"acme"})
        assert "not the one that was signed" in cell.standing()["acme"]
        for number in range(1, 4):
            await cell.record("zeta")
            await until(signed(cell, acme=3, zeta=number))
        await until(lambda: cell.recorded_alarms("acme") == 1)
    async with cell.signed_by(cell.signer(retry_refused=0.05)):
        await cell.record("acme")
        await cell.record("zeta")
        await until(signed(cell, acme=3, zeta=4))
        assert set(cell.standing()) == {"acme"}
        assert cell.recorded_alarms("acme") == 1
        cell.rows("update ledger_heads set size = 3 where tenant_id = 'acme'")
        await until(signed(cell, acme=6, zeta=4))
        await until(lambda: cell.standing() == {})
    ((state,),) = cell.rows(
        "select convert_from(state, 'utf8') from events where event_id like 'oh_evt_%'"
    )
    assert '"type":"history.ledger.alarm"' in state
    assert '"kind":"signer"' in state


async def test_a_head_that_says_more_than_is_there_stops_its_own_log_only(cell: Cell) -> None:
    """Also after a restart: what was never signed says nothing about the events."""
    await cell.sign(acme=3)
    cell.rows("update ledger_heads set size = 1000 where tenant_id = 'acme'")
    async with cell.signed_by(cell.signer()):
        await cell.record("acme")
        await cell.record("zeta")
        await until(signed(cell, acme=3, zeta=1))
        await until(lambda: set(cell.standing()) == {"acme"})


async def test_missing_events_are_an_alarm(cell: Cell) -> None:
    await cell.sign(acme=3)
    await cell.record("acme", 3)
    cell.tamper("events", "delete from events where sequence = 4")
    async with cell.signed_by(cell.signer()):
        await cell.record("zeta")
        await until(lambda: cell.standing() == {
            "acme": "an event behind the last signed one is gone"
        })  # fmt: skip
        await until(signed(cell, acme=3, zeta=1))
        await until(lambda: cell.recorded_alarms("acme") == 1)


async def test_a_cut_store_is_an_alarm_of_the_whole(cell: Cell) -> None:
    async with cell.signed_by(cell.signer()):
        await cell.record("acme", 3)
        await until(signed(cell, acme=3))
        cell.tamper("events", "delete from events where sequence = 3")
        await until(lambda: set(cell.standing()) == {GLOBAL})
    assert "acme" not in cell.standing()[GLOBAL], "health is for the people of all tenants"
    assert "ledger reopen" in cell.standing()[GLOBAL]


@pytest.mark.parametrize("log", ["acme", GLOBAL])
async def test_something_else_published_in_our_place(cell: Cell, tmp_path: Path, log: str) -> None:
    """Nothing is signed on until it is gone; and nobody takes it for ours after a restart."""
    await cell.sign(acme=1)
    size = {"acme": 3, GLOBAL: 2}[log]
    place = tmp_path / "published" / log / "1" / "checkpoint" / str(size)
    place.parent.mkdir(parents=True)
    async with cell.signed_by(cell.signer()):
        await until(published(cell))
        place.write_text("another's")
        await cell.record("acme", 2)
        await until(lambda: set(cell.standing()) == {GLOBAL})
    for _ in range(2):
        async with cell.signed_by(cell.signer()):
            await cell.record("zeta")
            await asyncio.sleep(0.3)  # some attempts
            assert cell.sizes() == {"acme": 3}
            assert set(cell.standing()) == {GLOBAL}
    place.unlink()
    async with cell.signed_by(cell.signer()):
        await until(signed(cell, acme=3, zeta=2))
        await until(published(cell))
        await until(lambda: cell.standing() == {})


async def test_a_newer_round_that_is_published_is_an_alarm(cell: Cell, tmp_path: Path) -> None:
    """The store lies behind: also where the round right after its newest one is not there."""
    await cell.sign(acme=1)
    place = tmp_path / "published" / GLOBAL / "1" / "checkpoint" / "9"
    place.parent.mkdir(parents=True)
    place.write_text("ours, once")
    await cell.record()
    async with cell.signed_by(cell.signer()):
        await until(lambda: set(cell.standing()) == {GLOBAL})
    assert "round 9 is published" in cell.standing()[GLOBAL]
    assert cell.rounds() == 1


async def test_a_newer_origin_that_is_published_is_an_alarm(cell: Cell, tmp_path: Path) -> None:
    """A backup of before a reopening."""
    async with cell.signed_by(cell.signer()):
        await cell.record()
        await until(published(cell))
    (tmp_path / "published" / GLOBAL / "2" / "checkpoint").mkdir(parents=True)
    (tmp_path / "published" / GLOBAL / "2" / "checkpoint" / "0").write_text("empty")
    async with cell.signed_by(cell.signer()):
        await cell.record()
        await until(lambda: set(cell.standing()) == {GLOBAL})
    assert cell.sizes() == {"acme": 1}
