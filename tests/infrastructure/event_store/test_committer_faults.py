"""Faults, each twice: failed, and failed though persisted. Nothing is lost, nothing twice."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from application.ports import Duplicate, Statement
from domain.errors import EventConflict, Unavailable
from infrastructure.event_store.appending import Appending, Loading, Writing
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.door_thread import DoorThread
from infrastructure.event_store.statements import COMMITTER_SETTINGS
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import connect_one
from infrastructure.postgres.wire import Wire
from infrastructure.privacy.keyring import Keyring
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import (
    FaultyWire,
    Ledger,
    accepted,
    committing,
    fresh,
    note,
    now_us,
    personal,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def beside(ledger: Ledger) -> str:
    """A table for what stands beside events."""
    name = fresh("beside")
    ledger.connection.execute(f"create table {name} (value text)".encode())
    ledger.connection.execute(f"grant insert on {name} to public".encode())
    return name


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_a_connection_lost_at_the_commit(
    database_url: str, key_store: FileKeyStore, ledger: Ledger, beside: str, fault: str
) -> None:
    tenant, faults = fresh("lost"), [fault]
    connect = FaultyWire.connecting(database_url, faults)
    async with committing(database_url, key_store, connect=connect) as door:
        calls = [
            door.submit([personal(f"e{n}", "o1", tenant)], beside=note(beside, f"e{n}"))
            for n in range(8)
        ]
        results = await asyncio.gather(*calls)
    assert faults == []
    assert [accepted(one)[0].event.sequence for one in results] == list(range(1, 9))
    assert ledger.event_ids(tenant) == [f"e{n}" for n in range(8)]
    assert ledger.rows(f"select value from {beside}") == [(f"e{n}",) for n in range(8)]
    stored = ledger.rows("select state from events where tenant_id = %s order by sequence", tenant)
    assert stored == [(accepted(one)[0].event.state,) for one in results]
    sealed = "select count(*) from disclosures where tenant_id = %s"
    assert ledger.rows(sealed, tenant) == [(8,)]
    ledger.check()


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_a_duplicate_stays_one_through_a_lost_connection(
    database_url: str, key_store: FileKeyStore, ledger: Ledger, fault: str
) -> None:
    """What an earlier request wrote is not taken for what the lost attempt wrote."""
    tenant, faults = fresh("dup"), list[str]()
    connect = FaultyWire.connecting(database_url, faults)
    async with committing(database_url, key_store, connect=connect) as door:
        (first,) = accepted(await door.submit([draft("e1", "o1", tenant)]))
        faults.append(fault)
        again, new = await door.submit([draft("e1", "o1", tenant), draft("e2", "o1", tenant)])
    assert again == Duplicate(first.event.position, first.event.sequence)
    assert accepted([new])[0].event.sequence == 2


async def test_what_another_process_recorded_meanwhile_is_a_duplicate(
    database_url: str, key_store: FileKeyStore, ledger: Ledger
) -> None:
    """The attempt had failed; what the ledger holds under its event_id is not its own."""
    tenant = fresh("meanwhile")
    async with committing(database_url, key_store) as other:
        connect_plainly = FaultyWire.connecting(database_url, ["before"])
        connections: list[Any] = []

        async def connect() -> Any:
            if connections:
                accepted(await other.submit([draft("e1", "o1", tenant, salt="another")]))
            connections.append(await connect_plainly())
            return connections[-1]

        async with committing(database_url, key_store, connect=connect) as door:
            outcomes = await door.submit([draft("e1", "o1", tenant)])
    (place,) = ledger.rows("select position, sequence from events where tenant_id = %s", tenant)
    assert outcomes == [Duplicate(*place)]


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_all_or_none_through_a_lost_connection(
    database_url: str, key_store: FileKeyStore, ledger: Ledger, fault: str
) -> None:
    tenant, faults = fresh("atomic"), [fault]
    connect = FaultyWire.connecting(database_url, faults)
    drafts = [draft("e1", "o1", tenant), draft("e2", "o1", tenant)]
    async with committing(database_url, key_store, connect=connect) as door:
        outcomes = await door.submit(drafts, atomic=True)
    assert [one.event.sequence for one in accepted(outcomes)] == [1, 2]
    assert ledger.event_ids(tenant) == ["e1", "e2"]


@pytest.mark.parametrize("fault", ["before", "after"])
def test_the_frameworks_door_through_a_lost_connection(
    database_url: str, key_store: FileKeyStore, ledger: Ledger, fault: str
) -> None:
    tenant, faults = fresh("thread"), [fault]

    async def make() -> Committer:
        connect = FaultyWire.connecting(database_url, faults)
        return Committer(connect, Appending(Keyring(key_store), now_us))

    door = DoorThread(make)
    (one,) = door.submit([draft("e1", "o1", tenant)])
    assert one.event.sequence == 1
    with pytest.raises(EventConflict):
        door.submit([draft("e1", "o1", tenant)])
    door.close()
    assert ledger.event_ids(tenant) == ["e1"]


async def test_a_process_that_was_frozen_loses_the_lock_and_begins_again(
    database_url: str, key_store: FileKeyStore, ledger: Ledger
) -> None:
    tenant, name = fresh("frozen"), "idle_in_transaction_session_timeout"
    settings = {**COMMITTER_SETTINGS, name: "100ms"}
    assert COMMITTER_SETTINGS[name] == "5s", "or nobody else writes until it wakes up"
    pauses = [0.4]

    async def connect() -> Any:
        return Wire(
            await connect_one(database_url, "cell_0", name="test frozen", settings=settings)
        )

    def freeze(_outcomes: object) -> list[Statement]:
        if pauses:
            time.sleep(pauses.pop())
        return []

    async with committing(database_url, key_store, connect=connect) as door:
        (first,) = accepted(await door.submit([draft("e1", "o1", tenant)], beside=freeze))
    assert pauses == []
    assert first.event.sequence == 1
    assert ledger.event_ids(tenant) == ["e1"]


async def test_lost_twice_at_the_commit_is_not_known(
    database_url: str, key_store: FileKeyStore, ledger: Ledger
) -> None:
    """Nothing is acknowledged; sent again, the event is there once."""
    tenant, faults = fresh("twice"), ["before", "before"]
    connect = FaultyWire.connecting(database_url, faults)
    async with committing(database_url, key_store, connect=connect) as door:
        with pytest.raises(Unavailable):
            await door.submit([draft("e1", "o1", tenant)])
        assert ledger.event_ids(tenant) == []
        accepted(await door.submit([draft("e1", "o1", tenant)]))
    assert ledger.event_ids(tenant) == ["e1"]


@pytest.mark.parametrize("faults", [["before", "after"], ["after", "before"], ["after", "after"]])
async def test_faults_among_many_callers(
    database_url: str, key_store: FileKeyStore, ledger: Ledger, beside: str, faults: list[str]
) -> None:
    """Every caller asks again until it is told; each event is there once, its note too."""
    tenant, left = fresh("many"), faults * 4
    connect = FaultyWire.connecting(database_url, left)

    async def insist(door: Committer, event_id: str) -> None:
        while True:
            try:
                await door.submit(
                    [draft(event_id, "o1", tenant)],
                    beside=lambda outcomes: (
                        [] if isinstance(outcomes[0], Duplicate) else note(beside, event_id)([])
                    ),
                )
            except Unavailable:
                await asyncio.sleep(0.01)
            else:
                return

    async with committing(database_url, key_store, connect=connect) as door:
        for start in range(0, 120, 30):
            await asyncio.gather(*(insist(door, f"e{n}") for n in range(start, start + 30)))
    assert sorted(ledger.event_ids(tenant)) == sorted(f"e{n}" for n in range(120))
    notes = [row[0] for row in ledger.rows(f"select value from {beside}")]
    assert sorted(notes) == sorted(f"e{n}" for n in range(120))
    ledger.check()


FAIL = """
create function {name}() returns trigger language plpgsql as $$
begin
  if new.tenant_id = '{tenant}' then
    insert into {table} values ('never seen: it goes with the transaction');
    raise exception 'could not extend file' using errcode = '{state}';
  end if;
  return new;
end $$;
create trigger {name} before insert on events for each row execute function {name}()
"""


@pytest.mark.parametrize("state", ["53100", "53200", "57P01", "58030", "25006"])
async def test_trouble_of_the_store_is_nobodys_fault(
    database_url: str,
    key_store: FileKeyStore,
    ledger: Ledger,
    beside: str,
    state: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full disk and its like: every request of the batch is told to come again, at once."""
    name, tenant = fresh("fail"), fresh("full")
    statement = FAIL.format(name=name, tenant=tenant, table=beside, state=state)
    ledger.connection.execute(statement.encode())
    try:
        async with committing(database_url, key_store) as door:
            attempts = _count_attempts(door, monkeypatch)
            calls = [door.submit([draft(f"e{n}", "o1", tenant)]) for n in range(16)]
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(result) for result in results] == [Unavailable] * 16
            assert len(attempts) == 1, "no halving: each half would fail as the whole did"
            ledger.connection.execute(f"drop trigger {name} on events".encode())
            accepted(await door.submit([draft("e0", "o1", tenant)]))
    finally:
        ledger.connection.execute(f"drop trigger if exists {name} on events".encode())
    assert ledger.event_ids(tenant) == ["e0"]
    ledger.check()


def _count_attempts(door: Committer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    attempts: list[int] = []
    write = door._append.write

    async def counting(wire: Wire, loading: Loading) -> Writing:
        attempts.append(len(loading.requests))
        return await write(wire, loading)

    monkeypatch.setattr(door._append, "write", counting)
    return attempts


async def test_a_backend_that_is_ended_from_outside(
    database_url: str, key_store: FileKeyStore, ledger: Ledger
) -> None:
    tenant = fresh("ended")
    async with committing(database_url, key_store) as door:
        accepted(await door.submit([draft("e0", "o1", tenant)]))
        for number in range(1, 4):
            ended = ledger.rows(
                "select pg_terminate_backend(pid, 2000) from pg_stat_activity"
                " where application_name = 'test committer'"
            )
            assert (True,) in ended
            accepted(await door.submit([draft(f"e{number}", "o1", tenant)]))
    assert ledger.event_ids(tenant) == ["e0", "e1", "e2", "e3"]
