"""Whether a key store is that of a database: told from a few rows, the newest among them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import AsyncConnection

from domain.errors import KeyUnavailable
from infrastructure.event_store.keys import has_events, lacks_keys
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import connect_one
from infrastructure.postgres.migrate import upgrade
from infrastructure.privacy.keyring import bucket_of
from tests.infrastructure.event_store.kit import accepted, committing, personal

pytestmark = pytest.mark.anyio


@pytest.fixture
def url(empty_url: str) -> str:
    upgrade(empty_url)
    return empty_url


@pytest.fixture
async def connection(url: str) -> AsyncIterator[AsyncConnection[Any]]:
    async with await connect_one(url, "cell_0", name="test") as connection:
        yield connection


@pytest.fixture
def other_store(tmp_path: Path) -> FileKeyStore:
    return FileKeyStore(tmp_path / "others" / "keys")


async def record(url: str, key_store: FileKeyStore, *tenants: str, order: str = "o1") -> None:
    async with committing(url, key_store) as door:
        for tenant in tenants:
            accepted(await door.submit([personal(f"e-{order}", order, tenant)]))


async def test_an_empty_database_goes_with_every_key_store(
    connection: AsyncConnection[Any], key_store: FileKeyStore
) -> None:
    key_store.bucket("acme", 0)
    assert not await has_events(connection)
    assert not await lacks_keys(connection, key_store)


async def test_the_right_key_store_may_hold_more(
    url: str, connection: AsyncConnection[Any], key_store: FileKeyStore
) -> None:
    await record(url, key_store, "acme", "nova")
    key_store.bucket("zeta", 0)
    assert await has_events(connection)
    assert not await lacks_keys(connection, key_store)


async def test_an_empty_or_another_key_store_lacks_keys(
    url: str,
    connection: AsyncConnection[Any],
    key_store: FileKeyStore,
    other_store: FileKeyStore,
) -> None:
    await record(url, key_store, "acme")
    assert await lacks_keys(connection, other_store)
    other_store.bucket("acme", 0)
    assert await lacks_keys(connection, other_store)


async def test_one_tenant_of_several_is_enough(
    url: str, connection: AsyncConnection[Any], key_store: FileKeyStore, tmp_path: Path
) -> None:
    await record(url, key_store, "acme", "nova")
    (tmp_path / "keys" / "tenants" / "nova.keys").unlink()
    assert await lacks_keys(connection, key_store)


async def test_the_newest_rows_are_among_those_looked_at(
    url: str,
    connection: AsyncConnection[Any],
    key_store: FileKeyStore,
    tmp_path: Path,
) -> None:
    """A key store restored from before a rotation: only what was written since tells."""
    for number in range(10, 30):
        await record(url, key_store, "acme", order=f"a{number}")
    path = tmp_path / "keys" / "tenants" / "acme.keys"
    before = path.read_bytes()
    key_store.rotate_bucket("acme", bucket_of("z"))
    await record(url, key_store, "acme", order="z")
    assert not await lacks_keys(connection, key_store)
    path.write_bytes(before)
    assert await lacks_keys(connection, key_store)


async def test_what_was_erased_needs_no_key(
    url: str, connection: AsyncConnection[Any], key_store: FileKeyStore, other_store: FileKeyStore
) -> None:
    await record(url, key_store, "acme")
    async with await connect_one(url, "cell_0", name="test", as_owner=True) as owner:
        await owner.execute("update data_keys set wrapped = null")
    assert not await lacks_keys(connection, other_store)


async def test_keys_that_are_replaced_meanwhile_are_not_lacking(
    url: str, connection: AsyncConnection[Any], key_store: FileKeyStore
) -> None:
    """An erasure wraps a row anew and destroys the old key after the row was read."""
    await record(url, key_store, "acme")
    old, _ = key_store.bucket("acme", bucket_of("o1"))
    fresh, _ = key_store.rotate_bucket("acme", bucket_of("o1"))

    class Rewrapped:
        """The connection, whose second reading finds the row as the erasure left it."""

        async def execute(self, *given: Any, **options: Any) -> Any:
            cursor = await connection.execute(*given, **options)
            async with await connect_one(url, "cell_0", name="test", as_owner=True) as owner:
                await owner.execute("update data_keys set bucket_key_id = %s", (fresh,))
            key_store.destroy_bucket_key("acme", bucket_of("o1"), old)
            return cursor

    assert not await lacks_keys(Rewrapped(), key_store)  # type: ignore[arg-type]  # stands for one


async def test_a_damaged_key_file_is_a_fault_and_not_another_key_store(
    url: str, connection: AsyncConnection[Any], key_store: FileKeyStore, tmp_path: Path
) -> None:
    await record(url, key_store, "acme")
    (tmp_path / "keys" / "tenants" / "acme.keys").write_bytes(b"no keys at all, and long enough")
    with pytest.raises(KeyUnavailable, match="damaged"):
        await lacks_keys(connection, key_store)
