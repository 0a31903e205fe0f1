"""The log in the database: each entry once, numbered; and the batches that the ledger tells of."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec import structs
from psycopg import errors

from application.access_log.digesting import DigestAccess
from application.access_log.ports import Asked
from domain.access.log import Entry
from infrastructure.access_log.store import PostgresAccessLog
from infrastructure.access_log.verifying import Verified, verify
from infrastructure.postgres import access_tables, connect
from interfaces.composition.connections import clock
from interfaces.composition.writing import WriteSide, writing
from interfaces.settings import Settings
from tests.infrastructure.access_log.entries import kept

pytestmark = pytest.mark.anyio
TABLES = tuple(table.name for table in access_tables.APPEND_ONLY)
_tenants = itertools.count(1)


@pytest.fixture(scope="module")
async def side(
    anyio_backend: str, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WriteSide]:
    data_dir: Path = tmp_path_factory.mktemp("data")
    async with writing(Settings(database_url, data_dir), "test") as side:
        yield side


@pytest.fixture
def log(side: WriteSide) -> PostgresAccessLog:
    return PostgresAccessLog(side.pool, side.keyring)


@pytest.fixture
async def tenant(side: WriteSide) -> str:
    """A new one, with an event."""
    name = f"tenant-{next(_tenants)}"
    event = b"""{"event_id":"e1","order_id":"ord_1","occurred_at":"2025-01-01T00:00:00Z",
        "source":"shop","type":"order.created","schema_version":"v1","payload":{}}"""
    await side.door.submit([side.preparer.prepare(name, event).draft])
    return name


def digesting(side: WriteSide, log: PostgresAccessLog, most: int = 10_000) -> DigestAccess:
    return DigestAccess(log, side.door, clock, os.urandom, most)


def verified(side: WriteSide, tenant: str) -> Verified:
    url = connect.address(side.settings.database_url, "cell_0", name="test")
    with psycopg.connect(url, autocommit=True) as connection:
        return verify(connection, tenant)


def tamper(side: WriteSide, statement: str, *parameters: object) -> None:
    """As whoever owns the database may: with the triggers switched off."""
    url = connect.address(side.settings.database_url, "cell_0", name="test", as_owner=True)
    with psycopg.connect(url) as connection:
        for table in TABLES:
            connection.execute(f"alter table {table} disable trigger all".encode())
        connection.execute(statement.encode(), parameters)
        for table in TABLES:
            connection.execute(f"alter table {table} enable trigger all".encode())


async def entries(log: PostgresAccessLog, tenant: str, **asked: Any) -> list[Entry]:
    found = await log.listed(tenant, Asked(**asked), None, 1000, disclosing=False)
    return [one.entry for one in found]


async def test_what_comes_twice_is_there_once_and_keeps_what_was_erased(
    side: WriteSide, log: PostgresAccessLog, tenant: str
) -> None:
    first, second = kept(1, tenant=tenant), kept(2, tenant=tenant)
    await log.add([first])
    found = await log.listed(tenant, Asked(), None, 9, disclosing=True)
    assert sorted(map(str, found[0].disclosed.values())) == ["192.0.2.1", "ticket 4"]
    tamper(side, "delete from access_log_personal where tenant_id = %s", tenant)
    await log.add([first, second])
    found = await log.listed(tenant, Asked(), None, 9, disclosing=True)
    assert [one.entry for one in found] == [second.entry, first.entry]
    assert [len(one.disclosed) for one in found] == [2, 0]


async def test_once_a_tenant_has_no_keys_its_entries_come_without_what_is_personal(
    side: WriteSide, log: PostgresAccessLog, tenant: str
) -> None:
    """And those of others, on their way together with them, as before."""
    gone, other = f"{tenant}-gone", f"{tenant}-other"
    side.key_store.destroy_tenant(gone)
    await log.add([kept(1, tenant=gone), kept(2, tenant=other)])
    found = await log.listed(gone, Asked(), None, 9, disclosing=True)
    assert [one.disclosed for one in found] == [{}]
    found = await log.listed(other, Asked(), None, 9, disclosing=True)
    assert [len(one.disclosed) for one in found] == [2]


async def test_writers_at_once_number_without_a_gap(
    side: WriteSide, log: PostgresAccessLog, tenant: str
) -> None:
    batches = [[kept(n, tenant=tenant, subject=f"u{i}") for n in range(10)] for i in range(4)]
    await asyncio.gather(*(log.add(batch) for batch in batches))
    assert len(await entries(log, tenant)) == 40
    first, found = await log.next(tenant, 100)
    assert (first, len(found)) == (1, 40)
    assert await digesting(side, log)() >= 40
    assert verified(side, tenant) == Verified(40, 1, 0)


async def test_an_actors_key_is_made_beside_the_committer_that_makes_the_same(
    side: WriteSide, log: PostgresAccessLog, tenant: str
) -> None:
    """Both find it missing; neither fails the other."""
    event = """{"event_id":"e-%d","order_id":"ord_1","occurred_at":"2025-01-01T00:00:00Z",
        "source":"shop","type":"order.created","schema_version":"v1","payload":{},
        "metadata":{"actor_id":"u%d","ip":"192.0.2.1"}}"""
    drafts = [side.preparer.prepare(tenant, (event % (n, n)).encode()).draft for n in range(10)]
    noted = [kept(n, tenant=tenant, subject=f"u{n}") for n in range(10)]
    for draft, one in zip(drafts, noted, strict=True):
        await asyncio.gather(side.door.submit([draft]), log.add([one]))
    found = await log.listed(tenant, Asked(), None, 100, disclosing=True)
    assert [len(one.disclosed) for one in found] == [2] * 10


@pytest.mark.parametrize("table", TABLES)
async def test_nobody_changes_an_entry(
    side: WriteSide, log: PostgresAccessLog, tenant: str, table: str
) -> None:
    await log.add([kept(1, tenant=tenant)])
    await digesting(side, log)()
    for as_owner in (True, False):
        url = connect.address(side.settings.database_url, "cell_0", name="test", as_owner=as_owner)
        for change in (f"delete from {table}", f"update {table} set tenant_id = 'x'"):
            with (
                psycopg.connect(url) as connection,
                pytest.raises(errors.InsufficientPrivilege),
            ):
                connection.execute(change.encode())


async def test_batches_cover_all_in_order_and_a_repeat_is_the_same_act(
    side: WriteSide, log: PostgresAccessLog, tenant: str
) -> None:
    await log.add([kept(n, tenant=tenant) for n in range(25)])
    assert verified(side, tenant) == Verified(0, 0, 25)
    workers = [digesting(side, log, most=10) for _ in range(3)]
    assert sum(await asyncio.gather(*(worker() for worker in workers))) == 25
    assert verified(side, tenant) == Verified(25, 3, 0)
    await log.add([kept(30, tenant=tenant)])
    assert verified(side, tenant) == Verified(25, 3, 1)
    head = await side.reader.head(tenant)
    assert await workers[0]() == 1
    assert await workers[0]() == 0
    assert (await side.reader.head(tenant)).sequence == head.sequence + 1


async def test_a_tenant_without_a_ledger_gets_none_by_being_read(
    side: WriteSide, log: PostgresAccessLog
) -> None:
    await log.add([kept(1, tenant="nobody")])
    assert "nobody" not in await log.waiting()


CHANGES = {
    "changed": ("update access_log set subject = 'another' where tenant_id = %s and number = 14",
                "batch from 11 to 20: an entry is not what it was"),
    "renumbered": ("update access_log set number = 99 where tenant_id = %s and number = 14",
                   "batch from 11 to 20: entry 14 is missing"),
    "removed": ("delete from access_log where tenant_id = %s and number = 20",
                "batch from 11 to 20: entry 20 is missing"),
    "order unlinked": ("delete from access_log_orders where tenant_id = %s and order_id = 'ord_14'",
                       "batch from 11 to 20: entry 15 is not found by one of its orders"),
    "batch removed": ("delete from access_batches where tenant_id = %s and first = 11",
                      "batch from 11 to 20: its own row differs"),
    "batch changed": ("update access_batches set root = 'x' where tenant_id = %s and first = 11",
                      "batch from 11 to 20: its own row differs"),
    "batch added": ("insert into access_batches values (%s, 21, 30, 'x')",
                    "batch from 21 to 30: the ledger does not tell of it"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
async def test_verifying_names_the_first_batch_that_differs(
    side: WriteSide, log: PostgresAccessLog, tenant: str, change: str
) -> None:
    await log.add([kept(n, tenant=tenant) for n in range(20)])
    await digesting(side, log, most=10)()
    assert verified(side, tenant) == Verified(20, 2, 0)
    statement, fault = CHANGES[change]
    tamper(side, statement, tenant)
    assert verified(side, tenant).fault == fault


async def test_an_added_entry_is_noticed(
    side: WriteSide, log: PostgresAccessLog, tenant: str
) -> None:
    await log.add([kept(n, tenant=tenant) for n in range(20)])
    await digesting(side, log, most=10)()
    tamper(
        side,
        "update access_log set number = number + 1 where tenant_id = %s and number > 19",
        tenant,
    )
    forged = structs.astuple(kept(5, tenant=tenant).entry)
    columns = ", ".join(Entry.__struct_fields__)
    places = ", ".join(["%s"] * len(forged))
    tamper(
        side,
        f"insert into access_log (number, {columns}) values (20, {places})",
        *(list(one) if isinstance(one, tuple) else one for one in forged),
    )
    assert verified(side, tenant).fault == "batch from 11 to 20: an entry is not what it was"


async def test_an_order_that_was_linked_falsely_finds_nothing(
    side: WriteSide, log: PostgresAccessLog, tenant: str
) -> None:
    await log.add([kept(1, tenant=tenant)])
    tamper(
        side,
        "insert into access_log_orders select tenant_id, 'ord_9', at_us, entry_id"
        " from access_log_orders where tenant_id = %s",
        tenant,
    )
    assert await entries(log, tenant, order_id="ord_9") == []
    assert len(await entries(log, tenant, order_id="ord_1")) == 1
