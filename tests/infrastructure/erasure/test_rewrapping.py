"""Renewing bucket keys: the old ones are gone, and nothing that lives is lost, whoever writes."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from application.ports import KeyMissing
from infrastructure.erasure.rewrapping import Rewrap
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool
from infrastructure.privacy.disclosures import StoredDisclosures
from infrastructure.privacy.keyring import Keyring, bucket_of
from tests.infrastructure.event_store.kit import accepted, committing, fresh, personal

pytestmark = pytest.mark.anyio
_numbers = count(1)


def orders_of(bucket: int, many: int) -> list[str]:
    """Order ids whose keys are wrapped under the key of one bucket."""
    found: list[str] = []
    while len(found) < many:
        name = f"o{next(_numbers)}"
        if bucket_of(name) == bucket:
            found.append(name)
    return found


async def wrapped_under(pool: Pool, tenant: str) -> set[UUID]:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "select bucket_key_id from data_keys where tenant_id = %s", (tenant,)
        )
        return {row[0] for row in await cursor.fetchall()}


async def disclosed(pool: Pool, keys: FileKeyStore, tenant: str, orders: list[str]) -> set[Any]:
    """What is disclosed, by a keyring that remembers nothing."""
    stored = StoredDisclosures(pool, Keyring(keys))
    return {value for one in orders for value in (await stored.of_order(tenant, one)).values()}


async def test_the_old_key_is_gone_and_all_others_open_under_the_new(
    database_url: str, pool: Pool, key_store: FileKeyStore
) -> None:
    tenant, orders = fresh("rewrap"), orders_of(7, 3)
    async with committing(database_url, key_store) as door:
        for name in orders:
            accepted(await door.submit([personal(f"e-{name}", name, tenant, note=name)]))
    (was,) = await wrapped_under(pool, tenant)
    other = key_store.bucket(tenant, 8)
    assert await Rewrap(pool, key_store)(tenant, [7]) == 3
    with pytest.raises(KeyMissing):
        key_store.bucket_key(tenant, 7, was)
    assert await wrapped_under(pool, tenant) == {key_store.bucket(tenant, 7)[0]}
    assert key_store.bucket(tenant, 8) == other
    assert await disclosed(pool, key_store, tenant, orders) == set(orders)
    assert await Rewrap(pool, key_store)(tenant, []) == 0


async def test_what_a_killed_attempt_left_is_finished_by_the_next(
    database_url: str, pool: Pool, key_store: FileKeyStore
) -> None:
    tenant, orders = fresh("rewrap"), orders_of(9, 2)
    async with committing(database_url, key_store) as door:
        for name in orders:
            accepted(await door.submit([personal(f"e-{name}", name, tenant, note=name)]))
    (was,) = await wrapped_under(pool, tenant)
    key_store.rotate_buckets(tenant, [9])  # and there it was killed
    assert await disclosed(pool, key_store, tenant, orders) == set(orders)
    await Rewrap(pool, key_store)(tenant, [9])
    with pytest.raises(KeyMissing):
        key_store.bucket_key(tenant, 9, was)
    assert await disclosed(pool, key_store, tenant, orders) == set(orders)


async def test_no_key_that_is_made_meanwhile_is_lost(
    database_url: str, pool: Pool, key_store: FileKeyStore
) -> None:
    """Of several rewraps at once, none destroys what another, or a writer, wraps under."""
    tenant, orders = fresh("rewrap"), orders_of(11, 60)
    rewrap = Rewrap(pool, key_store)
    async with committing(database_url, key_store) as door:

        async def write(names: list[str]) -> None:
            for name in names:
                accepted(await door.submit([personal(f"e-{name}", name, tenant, note=name)]))

        async def renew() -> None:
            for _ in range(8):
                await rewrap(tenant, [11])

        writers = [write(orders[start::4]) for start in range(4)]
        await asyncio.gather(*writers, renew(), renew())
    await rewrap(tenant, [11])
    assert await disclosed(pool, key_store, tenant, orders) == set(orders)
