"""The self-audit beside a superuser who changes what is stored: each change is found and named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg import Connection, errors

from domain.ledger.checkpoints import Checkpoint
from domain.ledger.notes import SignedNote
from domain.ledger.recompute import Difference
from infrastructure.event_store.auditing import LedgerAudit
from infrastructure.ledger import self_audit
from infrastructure.ledger.self_audit import SelfAudit
from tests.infrastructure.event_store.kit import now_us
from tests.infrastructure.ledger.cell import Cell, Storage, until

pytestmark = pytest.mark.anyio

EVENTS = 300
FAST, SLOW = 10**9, 1
"""Of events a second; with the slow one an audit looks at one batch and then sleeps for minutes."""

Alarms = dict[str, tuple[int, str]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_audit, "_RETRY", 0.02)


@pytest.fixture
async def acme(cell: Cell) -> Cell:
    """With a first tenant whose ledger is signed at 1 and 300, and published; and another one."""
    await cell.sign(acme=1)
    await cell.sign(acme=EVENTS - 1, other=2)
    await cell.published.put(cell.to_be_published())
    return cell


def audit(cell: Cell, *, rate: int = FAST, **given: Any) -> SelfAudit:
    given = {"connect": cell.connect, "published": cell.published, "rest": 0.01, **given}
    connect, published = given.pop("connect"), given.pop("published")
    return SelfAudit(
        connect, cell.keys, published, cell.alarms, now_us, rate=rate, **given
    )  # fmt: skip


@asynccontextmanager
async def running(*audits: SelfAudit) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in audits]
    try:
        yield
        over = [task for task in tasks if task.done()]
        assert not over, [task.exception() for task in over]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def alarms(cell: Cell) -> Alarms:
    rows = cell.rows("select tenant_id, sequence, detail from ledger_alarms where kind = 'audit'")
    return {tenant: (sequence, detail) for tenant, sequence, detail in rows}


def recorded(cell: Cell, tenant: str) -> int:
    event = "oh_evt_history.ledger.alarm/audit/%"
    statement = "select count(*) from events where tenant_id = %s and event_id like %s"
    ((count,),) = cell.rows(statement, tenant, event)
    return int(count)


def passes(cell: Cell) -> int:
    """That have come to their end."""
    ((newest,),) = cell.rows("select coalesce(max(passes), 1) from ledger_audits")
    return int(newest) - 1


def reached(cell: Cell, tenant: str = "acme") -> int:
    rows = cell.rows("select sequence from ledger_audits where tenant_id = %s", tenant)
    return rows[0][0] if rows else 0


async def whole_passes(cell: Cell, count: int = 2) -> None:
    """Let so many more come to their end: one that begins after this is among two."""
    wanted = passes(cell) + count
    await until(lambda: passes(cell) >= wanted)


async def test_what_holds_is_gone_through_again_and_again(acme: Cell) -> None:
    async with running(audit(acme)):
        await whole_passes(acme, 3)
        await acme.record("third")
        await until(lambda: reached(acme, "third") == 1)
        await until(lambda: (reached(acme), reached(acme, "other")) == (EVENTS, 2))
    assert alarms(acme) == {}


EDITED = "update events set state = set_byte(state, 40, 255 - get_byte(state, 40))"


async def test_an_edited_event_is_told_of_until_it_is_repaired(acme: Cell) -> None:
    edit = f"{EDITED} where tenant_id = 'acme' and sequence = 280"
    acme.tamper("events", edit)
    async with running(audit(acme)):
        await until(lambda: "acme" in alarms(acme))
        await whole_passes(acme)
        told = (280, "the stored bytes do not have the stored hash")
        assert alarms(acme) == {"acme": told}
        assert recorded(acme, "acme") == 1
        await until(lambda: (reached(acme), reached(acme, "other")) == (279, 2))
        acme.tamper("events", edit)  # the byte is as it was
        await until(lambda: not alarms(acme))
        await whole_passes(acme)
        assert alarms(acme) == {}
    assert recorded(acme, "acme") == 1


async def test_what_the_alarm_on_the_ledger_says(acme: Cell) -> None:
    acme.tamper(
        "events", "update events set topic = 'x' where tenant_id = 'other' and sequence = 2"
    )
    async with running(audit(acme)):
        await until(lambda: recorded(acme, "other") == 1)
    ((state,),) = acme.rows(
        "select convert_from(state, 'utf8')::jsonb -> 'payload' from events"
        " where tenant_id = 'other' order by sequence desc limit 1"
    )
    what = "the column topic is not what the stored bytes say"
    assert state == {"kind": "audit", "sequence": 2, "detail": what}


NOTES = {
    "its root": "translate(note, 'abcdefghij', 'bcdefghija')",
    "its signature": "regexp_replace(note, '(— \\S+ \\S{10}).', '\\1A')",
    "no note": "'nothing'",
    "another log's": "(select n.note from ledger_checkpoints n where n.tenant_id = 'other')",
    "an earlier one": "(select n.note from ledger_checkpoints n"
    " where n.tenant_id = 'acme' and n.size = 1)",
}
UNSIGNED = f"the checkpoint stored at size {EVENTS} is not one that its log signed"


@pytest.mark.parametrize("what", NOTES)
async def test_an_edited_note(acme: Cell, what: str) -> None:
    acme.tamper(
        "ledger_checkpoints",
        f"update ledger_checkpoints set note = {NOTES[what]}"
        f" where tenant_id = 'acme' and size = {EVENTS}",
    )
    async with running(audit(acme)):
        await until(lambda: bool(alarms(acme)))
    assert alarms(acme) == {"acme": (2, UNSIGNED)}


async def test_a_note_that_the_real_key_signed_over_another_tree(acme: Cell) -> None:
    origin = f"{acme.keys.service_origin}/acme"
    forged = Checkpoint(origin, EVENTS, bytes(32))
    note = SignedNote(forged.text(), acme.keys.sign(forged, 1)).format()
    acme.tamper(
        "ledger_checkpoints",
        "update ledger_checkpoints set note = %s where tenant_id = 'acme' and size = 300", note,
    )  # fmt: skip
    published = f"the checkpoint published at size {EVENTS} is not the one that is stored"
    tree = f"the tree at size {EVENTS} is not the one of the checkpoint signed then"
    async with running(audit(acme)):
        await until(lambda: bool(alarms(acme)))
        assert alarms(acme) == {"acme": (2, published)}
        object_of(acme).unlink()
        acme.rows("delete from ledger_alarms")
        await until(lambda: bool(alarms(acme)))
    assert alarms(acme) == {"acme": (2, tree)}


def object_of(cell: Cell, size: int = EVENTS) -> Any:
    return cell.directory / "published" / "acme" / "1" / "checkpoint" / str(size)


async def test_an_edited_published_file(acme: Cell) -> None:
    path = object_of(acme)
    there = path.read_bytes()
    path.unlink()
    path.write_bytes(there[:-2] + b"\n")
    async with running(audit(acme)):
        await until(lambda: bool(alarms(acme)))
        what = f"the checkpoint published at size {EVENTS} is not the one that is stored"
        assert alarms(acme) == {"acme": (2, what)}
        path.write_bytes(there)
        await until(lambda: not alarms(acme))


async def test_what_is_not_published_yet_is_no_difference(acme: Cell) -> None:
    object_of(acme).unlink()
    async with running(audit(acme)):
        await whole_passes(acme)
    assert alarms(acme) == {}


async def test_an_edited_tile(acme: Cell) -> None:
    edit = "update ledger_tiles set hashes = set_byte(hashes, 77, 255 - get_byte(hashes, 77))"
    acme.rows(edit)
    async with running(audit(acme)):
        await until(lambda: bool(alarms(acme)))
        assert alarms(acme) == {"acme": (1, "tile 0/0 is not what its events give")}
        acme.rows(edit)  # the byte is as it was
        await until(lambda: not alarms(acme))


async def test_a_ledger_of_which_nothing_is_left(acme: Cell) -> None:
    acme.tamper("events", "delete from events where tenant_id = 'other'")
    async with running(audit(acme)):
        await until(lambda: "other" in alarms(acme))
    what = "the checkpoint signed at size 2 has more events than are there"
    assert alarms(acme) == {"other": (1, what)}


async def test_a_killed_audit_is_gone_on_with(acme: Cell) -> None:
    """Looked at by two processes, a ledger is not found whole; the next pass finds the rest."""
    async with running(audit(acme, rate=SLOW)):
        await until(lambda: reached(acme) == 256)
    acme.tamper("events", f"{EDITED} where tenant_id = 'acme' and sequence = 3")
    await acme.alarms.sound("acme", "audit", 9, "as it stood before")
    first = audit(acme, rest=3600)
    async with running(first):
        await until(lambda: reached(acme, "other") == 2)
        assert reached(acme) == EVENTS + 1  # the alarm is an event
        assert alarms(acme) == {"acme": (9, "as it stood before")}
    acme.rows("delete from ledger_alarms")
    async with running(audit(acme)):
        await until(lambda: bool(alarms(acme)))
    assert alarms(acme) == {"acme": (3, "the stored bytes do not have the stored hash")}


PROGRESS = {
    "frontier": "frontier = set_byte(frontier, 0, 255 - get_byte(frontier, 0))",
    "peaks": "frontier = '\\x00'",
    "hash": "ledger_hash = sha256('')",
    "position": "position = 1000000",
    "time": "received_us = 9000000000000000",
    "sequence": "sequence = 13",
    "far": "sequence = 4611686018427387904, frontier = sha256('')",
    "negative": "sequence = -1",
    "pass": "passes = 9223372036854775807",
    "no pass": "passes = -5",
}


@pytest.mark.parametrize("what", PROGRESS)
async def test_progress_that_was_tampered_with_is_begun_again(acme: Cell, what: str) -> None:
    async with running(audit(acme, rate=SLOW)):
        await until(lambda: reached(acme) == 256)
    acme.rows(f"update ledger_audits set {PROGRESS[what]}")
    async with running(audit(acme)):
        await until(lambda: reached(acme, "other") == 2)
        await until(lambda: reached(acme) == EVENTS)
        await whole_passes(acme)
    assert alarms(acme) == {}
    assert 1 <= passes(acme) < 10**6


class Asked(Storage):
    """Tells how often it was asked for something, which each pass over `acme` does."""

    asks = 0

    async def get(self, key: str) -> bytes | None:
        self.asks += 1
        return await super().get(key)


async def test_one_of_two_works_and_the_other_takes_over(acme: Cell) -> None:
    connected = asyncio.Event()
    published = Asked(acme.published)

    def connect() -> Connection[Any]:
        loop.call_soon_threadsafe(connected.set)
        return acme.connect()

    loop = asyncio.get_running_loop()
    first = asyncio.create_task(audit(acme).run())
    await until(lambda: passes(acme) > 0)
    async with running(audit(acme, connect=connect, published=published)):
        await connected.wait()
        await whole_passes(acme)
        assert published.asks == 0
        first.cancel()
        await until(lambda: published.asks > 0)


class Damaged(LedgerAudit):
    """What a damaged page of the tenant `acme` is to its reader."""

    def go_on(self, events: int = 0) -> list[Difference]:
        if self.walk.tenant_id == "acme":
            raise errors.DataCorrupted("invalid page in block 7 of jane.doe@example.com")
        return super().go_on(events)


async def test_what_cannot_be_read_is_an_alarm_and_holds_up_nobody(
    acme: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_audit, "LedgerAudit", Damaged)
    async with running(audit(acme)):
        await until(lambda: reached(acme, "other") == 2)
        await whole_passes(acme)
        what = "what is stored from here on cannot be read (DataCorrupted)"
        assert alarms(acme) == {"acme": (1, what)}
        monkeypatch.undo()
        await until(lambda: not alarms(acme))


async def test_a_database_that_is_away_is_waited_for(acme: Cell) -> None:
    faults = [OSError(), psycopg.OperationalError(), psycopg.OperationalError()]

    def connect() -> Connection[Any]:
        if faults:
            raise faults.pop()
        return acme.connect()

    async with running(audit(acme, connect=connect)):
        await whole_passes(acme, 1)
    assert faults == []


async def test_a_connection_that_breaks_does_not_undo_what_was_read(acme: Cell) -> None:
    """It is this process that has read it: its audit is still one of the whole."""
    acme.tamper("events", f"{EDITED} where tenant_id = 'acme' and sequence = 299")
    connections: list[Connection[Any]] = []

    def connect() -> Connection[Any]:
        connections.append(acme.connect())
        return connections[-1]

    async with running(audit(acme, rate=2000, connect=connect)):
        await until(lambda: reached(acme) == 256)
        acme.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid = %s",
            connections[0].info.backend_pid,
        )
        await until(lambda: bool(alarms(acme)))
    assert len(connections) == 2
    assert alarms(acme) == {"acme": (299, "the stored bytes do not have the stored hash")}


async def test_a_rate_of_nothing_audits_nothing(acme: Cell) -> None:
    def connect() -> Connection[Any]:
        raise AssertionError

    async with running(audit(acme, rate=0, connect=connect)):
        await asyncio.sleep(0)
    assert reached(acme) == 0
