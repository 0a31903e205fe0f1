"""The self-audit goes through all ledgers again and again, and on where another left off."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.infrastructure.ledger.auditing import (
    EDITED,
    EVENTS,
    SLOW,
    alarms,
    audit,
    passes,
    reached,
    running,
    whole_passes,
)
from tests.infrastructure.ledger.cell import Cell, Storage, until

pytestmark = pytest.mark.anyio


async def test_what_holds_is_gone_through_again_and_again(acme: Cell) -> None:
    async with running(audit(acme)):
        await whole_passes(acme, 3)
        await acme.record("third")
        await until(lambda: reached(acme, "third") == 1)
        await until(lambda: (reached(acme), reached(acme, "other")) == (EVENTS, 2))
    assert alarms(acme) == {}


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
