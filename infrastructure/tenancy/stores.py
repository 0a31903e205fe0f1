"""What is destroyed when a tenant leaves: rows in bounded transactions, and keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from application.tenancy.ports import Progress
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool, store_errors
from infrastructure.pseudonyms.mappings import FileMappings

_AT_ONCE = 5000
_COUNT = "select count(*) from {table} where tenant_id = %s"
_DELETE = """
delete from {table}
 where tenant_id = %s and ctid = any(array(
       select ctid from {table} where tenant_id = %s limit %s))
"""
LAST = "select coalesce(max(sequence), 0) from events where tenant_id = %s"
# Snapshots of orders bear no tenant: they are found by the first events of its orders.
_ORIGINATORS = """
 originator_id = any(array(
       select originator_id from events
        where tenant_id = %s and sequence > %s and sequence <= %s and originator_version = 1))
"""
COUNT_STATES = f"select count(*) from aggregate_snapshots where {_ORIGINATORS}"
DELETE_STATES = f"delete from aggregate_snapshots where {_ORIGINATORS}"
JOB_IDS = """
select job_id from jobs where tenant_id = %s and job_id > %s order by job_id limit %s
"""


class Rows:
    """All rows of a tenant in a table."""

    follows = False

    def __init__(self, pool: Pool, name: str, table: str) -> None:
        self.name = name
        self._pool = pool
        self._count_sql = _COUNT.format(table=table)
        self._delete_sql = _DELETE.format(table=table)

    async def count(self, tenant_id: str) -> int:
        return await _value(self._pool, self._count_sql, (tenant_id,))

    async def destroy(self, tenant_id: str, progress: Progress) -> None:
        total, done = await self.count(tenant_id), 0
        while gone := await _change(self._pool, self._delete_sql, (tenant_id, tenant_id, _AT_ONCE)):
            done += gone
            progress(done, max(total, done))


class FoldedStates:
    """The framework's snapshots of a tenant's orders."""

    follows = False

    def __init__(self, pool: Pool, name: str) -> None:
        self.name = name
        self._pool = pool

    async def count(self, tenant_id: str) -> int:
        count = 0
        async for given, _ in self._ranges(tenant_id):
            count += await _value(self._pool, COUNT_STATES, given)
        return count

    async def destroy(self, tenant_id: str, progress: Progress) -> None:
        async for given, last in self._ranges(tenant_id):
            await _change(self._pool, DELETE_STATES, given)
            progress(min(given[2], last), last)

    async def _ranges(self, tenant_id: str) -> AsyncIterator[tuple[tuple[str, int, int], int]]:
        last = await _value(self._pool, LAST, (tenant_id,))
        for after in range(0, last, _AT_ONCE):
            yield (tenant_id, after, after + _AT_ONCE), last


class JobKeys:
    """The keys of a tenant's jobs."""

    follows = False

    def __init__(self, pool: Pool, key_store: FileKeyStore, name: str) -> None:
        self.name = name
        self._pool = pool
        self._key_store = key_store

    async def count(self, tenant_id: str) -> int:
        return sum([self._key_store.job_keys(some) async for some in self._pages(tenant_id)])

    async def destroy(self, tenant_id: str, progress: Progress) -> None:
        done = 0
        async for some in self._pages(tenant_id):
            self._key_store.destroy_job_keys(some)
            done += len(some)
            progress(done, done)

    async def _pages(self, tenant_id: str) -> AsyncIterator[list[str]]:
        after = ""
        while True:
            with store_errors():
                async with self._pool.connection() as connection:
                    cursor = await connection.execute(JOB_IDS, (tenant_id, after, _AT_ONCE))
                    some = [job_id for (job_id,) in await cursor.fetchall()]
            if not some:
                return
            yield some
            after = some[-1]


class BucketKeys:
    """The keys under which a tenant's data keys are wrapped."""

    follows = False

    def __init__(self, key_store: FileKeyStore, name: str) -> None:
        self.name = name
        self._key_store = key_store

    async def count(self, tenant_id: str) -> int:
        return self._key_store.tenant_keys(tenant_id)

    async def destroy(self, tenant_id: str, progress: Progress) -> None:
        self._key_store.destroy_tenant(tenant_id)
        progress(1, 1)


class Originals:
    """What pseudonyms of a tenant stand for, in files."""

    follows = False

    def __init__(self, mappings: FileMappings, name: str) -> None:
        self.name = name
        self._mappings = mappings

    async def count(self, tenant_id: str) -> int:
        return self._mappings.count(tenant_id)

    async def destroy(self, tenant_id: str, progress: Progress) -> None:
        total = self._mappings.count(tenant_id)
        await asyncio.to_thread(self._mappings.destroy, tenant_id)
        progress(total, total)


async def _value(pool: Pool, statement: str, parameters: Sequence[Any]) -> int:
    with store_errors():
        async with pool.connection() as connection:
            row = await (await connection.execute(statement, parameters)).fetchone()
    return int(row[0]) if row else 0


async def _change(pool: Pool, statement: str, parameters: Sequence[Any]) -> int:
    with store_errors():
        async with pool.connection() as connection:
            return (await connection.execute(statement, parameters)).rowcount
