"""Deleting what an owner's key hides: some of it, all of it, and both at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from application.erasure.ports import Owned
from infrastructure.erasure.erasures import StoredErasures
from infrastructure.erasure.owned import StoredOwned
from infrastructure.erasure.rewrapping import Rewrap
from infrastructure.erasure.turns import PostgresTurns
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool
from infrastructure.privacy.disclosures import StoredDisclosures
from infrastructure.privacy.keyring import Keyring, bucket_of
from infrastructure.pseudonyms.mappings import FileMappings
from tests.infrastructure.event_store.kit import accepted, committing, fresh, personal

pytestmark = pytest.mark.anyio
ORDER = ("order", "ord_1")


@pytest.fixture
async def tenant(database_url: str, key_store: FileKeyStore) -> str:
    """One with an order of two events, whose notes are personal."""
    tenant = fresh("owned")
    async with committing(database_url, key_store) as door:
        for note in ("first", "second"):
            accepted(await door.submit([personal(f"e-{note}", "ord_1", tenant, note=note)]))
    return tenant


class Deleting:
    """The store of a tenant, and what is disclosed there."""

    def __init__(self, pool: Pool, key_store: FileKeyStore, tenant: str, data_dir: Path) -> None:
        mappings = FileMappings(data_dir, key_store, data_dir / "lock")
        self.store = StoredOwned(pool, Keyring(key_store), mappings)
        self._pool = pool
        self._erasures = StoredErasures(pool)
        self._disclosures = StoredDisclosures(pool, Keyring(key_store))
        self._tenant = tenant

    async def load(self) -> Owned:
        (owned,) = await self.store.load(self._tenant, [ORDER])
        return owned

    async def erase(self, owned: Owned) -> None:
        await self._erasures.execute(self.store.erasing(self._tenant, owned))

    async def erase_some(self, owned: Owned, sequence: int) -> None:
        digests = {sequence: set(owned.opened[sequence])}
        await self._erasures.execute(self.store.erasing_some(self._tenant, owned, digests))

    async def notes(self) -> set[Any]:
        return set((await self._disclosures.of_order(self._tenant, "ord_1")).values())

    async def rows(self) -> int:
        async with self._pool.connection() as connection:
            found = await connection.execute(
                "select count(*) from disclosures where tenant_id = %s", (self._tenant,)
            )
            row = await found.fetchone()
        return int(row[0]) if row else 0


@pytest.fixture
def deleting(pool: Pool, key_store: FileKeyStore, tenant: str, tmp_path: Path) -> Deleting:
    return Deleting(pool, key_store, tenant, tmp_path)


async def test_what_is_left_gets_a_new_key(deleting: Deleting) -> None:
    owned = await deleting.load()
    await deleting.erase_some(owned, 1)
    assert await deleting.notes() == {"second"}
    assert (await deleting.load()).key_id != owned.key_id


async def test_events_go_and_the_key_stays(deleting: Deleting, pool: Pool, tenant: str) -> None:
    owned = await deleting.load()
    await StoredErasures(pool).execute(deleting.store.erasing_events(tenant, owned, [2]))
    assert await deleting.notes() == {"first"}
    assert (await deleting.load()).key_id == owned.key_id


async def test_what_was_erased_meanwhile_does_not_come_back(deleting: Deleting) -> None:
    owned = await deleting.load()
    await deleting.erase(owned)
    await deleting.erase_some(owned, 1)
    assert await deleting.notes() == set()
    assert await deleting.rows() == 0


async def test_of_two_at_once_nothing_is_left_over(deleting: Deleting) -> None:
    owned = await deleting.load()
    await deleting.erase_some(owned, 1)
    await deleting.erase_some(owned, 2)
    assert await deleting.notes() == {"second"}  # whoever took it looks again, and finds it
    assert await deleting.rows() == 1


async def test_what_came_meanwhile_is_not_lost(
    deleting: Deleting, database_url: str, key_store: FileKeyStore, tenant: str
) -> None:
    """Nothing is done: it would be under a key that is gone."""
    owned = await deleting.load()
    async with committing(database_url, key_store) as door:
        accepted(await door.submit([personal("e-third", "ord_1", tenant, note="third")]))
    await deleting.erase_some(owned, 1)
    assert await deleting.notes() == {"first", "second", "third"}
    await deleting.erase_some(await deleting.load(), 1)
    assert await deleting.notes() == {"second", "third"}


async def test_an_event_that_went_meanwhile_does_not_come_back(
    deleting: Deleting, pool: Pool, tenant: str
) -> None:
    owned = await deleting.load()
    await StoredErasures(pool).execute(deleting.store.erasing_events(tenant, owned, [2]))
    await deleting.erase_some(owned, 1)
    assert "second" not in await deleting.notes()
    assert await deleting.rows() == 1


async def test_what_came_since_stays_with_its_key_until_somebody_looks_again(
    deleting: Deleting, database_url: str, key_store: FileKeyStore, tenant: str
) -> None:
    """No fact tells of it."""
    owned = await deleting.load()
    async with committing(database_url, key_store) as door:
        accepted(await door.submit([personal("e-third", "ord_1", tenant, note="third")]))
    await deleting.erase(owned)
    assert await deleting.notes() == {"third"}
    await deleting.erase(await deleting.load())
    assert await deleting.notes() == set()
    assert await deleting.rows() == 0


async def test_a_key_that_is_made_while_its_bucket_is_renewed_is_not_lost(
    deleting: Deleting, pool: Pool, key_store: FileKeyStore, tenant: str
) -> None:
    """Another job of the tenant renews the bucket before this one commits."""
    owned = await deleting.load()
    async with PostgresTurns(pool).taken(tenant):
        digests = {1: set(owned.opened[1])}
        statements = deleting.store.erasing_some(tenant, owned, digests)
        renewing = asyncio.ensure_future(Rewrap(pool, key_store)(tenant, [bucket_of(ORDER[1])]))
        await asyncio.wait([renewing], timeout=1)  # it would be through by now
        await StoredErasures(pool).execute(statements)
    await renewing
    assert await deleting.notes() == {"second"}
