"""What an index is told of personal values: what is disclosed, and nothing that is erased."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from domain.errors import KeyUnavailable
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import address, connect_one
from infrastructure.search.disclosed import DisclosedValues
from tests.infrastructure.event_store.kit import accepted, committing, fresh, personal

pytestmark = pytest.mark.anyio
Connection = AsyncConnection[Any]


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    async with await connect_one(database_url, "cell_0", name="test index") as connection:
        yield connection


@pytest.fixture
async def tenants(database_url: str, key_store: FileKeyStore) -> tuple[str, str]:
    """Two tenants, each with events of two orders."""
    names = fresh("indexed"), fresh("indexed")
    async with committing(database_url, key_store) as door:
        for tenant in names:
            for number, order in enumerate(("o1", "o2", "o1"), 1):
                metadata = {"actor_id": "u1", "ip": "192.0.2.1"}
                email = f"{tenant}-{number}@example.org"
                draft = personal(f"e{number}", order, tenant, metadata=metadata, email=email)
                accepted(await door.submit([draft]))
    return names


def change(database_url: str, statement: str, *values: object) -> None:
    target = address(database_url, "cell_0", name="test superuser", as_owner=True)
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(statement.encode(), values)


def values(
    found: Mapping[tuple[str, int], Mapping[str, object]],
) -> dict[tuple[str, int], list[str]]:
    return {event: sorted(map(str, told.values())) for event, told in found.items()}


async def test_of_events_of_several_tenants(
    connection: Connection, key_store: FileKeyStore, tenants: tuple[str, str]
) -> None:
    one, other = tenants
    disclosed = DisclosedValues(lambda: key_store)
    found = await disclosed.of(connection, [(one, 1), (other, 3), (one, 2), (one, 99)])
    assert values(found) == {
        (one, 1): [f"{one}-1@example.org"],
        (one, 2): [f"{one}-2@example.org"],
        (other, 3): [f"{other}-3@example.org"],
    }, "and no actor's address"


async def test_nothing_is_told_of_the_erased(
    database_url: str, connection: Connection, key_store: FileKeyStore, tenants: tuple[str, str]
) -> None:
    tenant = tenants[0]
    disclosed = DisclosedValues(lambda: key_store)
    asked = [(tenant, 1), (tenant, 2), (tenant, 3)]
    assert len(await disclosed.of(connection, asked)) == 3
    erase = "update data_keys set wrapped = null where tenant_id = %s and subject = 'o1'"
    change(database_url, erase, tenant)
    assert set(await disclosed.of(connection, asked)) == {(tenant, 2)}
    change(database_url, "delete from disclosures where tenant_id = %s", tenant)
    assert await disclosed.of(connection, asked) == {}


async def test_what_does_not_open_is_left_out(
    database_url: str, connection: Connection, key_store: FileKeyStore, tenants: tuple[str, str]
) -> None:
    tenant = tenants[0]
    damage = "update disclosures set sealed = '\\x00' where tenant_id = %s and sequence = 1"
    change(database_url, damage, tenant)
    found = await DisclosedValues(lambda: key_store).of(connection, [(tenant, 1), (tenant, 2)])
    assert set(found) == {(tenant, 2)}


async def test_a_key_store_without_its_keys_tells_nothing(
    tmp_path: Path, connection: Connection, key_store: FileKeyStore, tenants: tuple[str, str]
) -> None:
    shutil.rmtree(tmp_path / "keys")
    disclosed = DisclosedValues(lambda: FileKeyStore(tmp_path / "keys"))
    assert await disclosed.of(connection, [(tenants[0], 1)]) == {}


async def test_a_key_store_that_does_not_answer_is_told_of(
    tmp_path: Path, connection: Connection, key_store: FileKeyStore, tenants: tuple[str, str]
) -> None:
    (tmp_path / "keys" / "tenants" / f"{tenants[0]}.keys").write_bytes(bytes(100))
    disclosed = DisclosedValues(lambda: FileKeyStore(tmp_path / "keys"))
    with pytest.raises(KeyUnavailable):
        await disclosed.of(connection, [(tenants[0], 1)])


async def test_a_key_store_that_goes_away_is_told_of(
    tmp_path: Path, connection: Connection, key_store: FileKeyStore, tenants: tuple[str, str]
) -> None:
    disclosed = DisclosedValues(lambda: key_store)
    (tmp_path / "keys").rename(tmp_path / "elsewhere")
    with pytest.raises(KeyUnavailable):
        await disclosed.of(connection, [(tenants[0], 1)])
    (tmp_path / "elsewhere").rename(tmp_path / "keys")
    assert len(await disclosed.of(connection, [(tenants[0], 1)])) == 1


async def test_keys_are_opened_for_disclosures_alone(connection: Connection) -> None:
    def none() -> FileKeyStore:
        pytest.fail("there is nothing to open")

    assert await DisclosedValues(none).of(connection, [(fresh("stranger"), 1)]) == {}
