"""Wrapping what is left under new bucket keys, and destroying the old ones.

Deleting a wrapped data key is not enough: a dead row, the WAL, a replica or a backup of the
database may still hold it. It opens with its bucket's key alone, which never was in the database;
so that key goes, and every live data key of the bucket is wrapped under a new one first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import AsyncConnection

from application.ports import KeyStore
from infrastructure.erasure.turns import AWAIT
from infrastructure.postgres.arrays import BytesColumn, IntColumn, TextColumn, UuidColumn
from infrastructure.postgres.connect import Pool, store_errors
from infrastructure.privacy.keyring import seal, unseal

_AT_ONCE = 2000
Current = Mapping[int, tuple[UUID, bytes]]
"""bucket -> its key's id, and the key."""

# Of two at once, one would destroy what the other is wrapping under.
ALONE = "select pg_advisory_lock(hashtextextended('rewrap ' || %s, 0))"
NOT_ALONE = "select pg_advisory_unlock(hashtextextended('rewrap ' || %s, 0))"
# Data keys are made under this lock. Who has had it after the buckets were rotated knows that every
# key that was made before is committed, or never will be.
BARRIER = "select 1 from append_lock where id = 1 for update"
STALE = """
select kind, subject, key_id, bucket, bucket_key_id, wrapped
  from data_keys k
  join unnest(%s::int[], %s::uuid[]) as now(bucket, current_id) using (bucket)
 where k.tenant_id = %s and k.wrapped is not null and k.bucket_key_id <> now.current_id
 limit %s
"""
WRAP = """
update data_keys k set bucket_key_id = n.bucket_key_id, wrapped = n.wrapped
  from unnest(%s::text[], %s::text[], %s::uuid[], %s::uuid[], %s::bytea[])
    as n(kind, subject, was, bucket_key_id, wrapped)
 where k.tenant_id = %s and k.kind = n.kind and k.subject = n.subject
   and k.bucket_key_id = n.was and k.wrapped is not null
"""


class Rewrap:
    """Renews the bucket keys of a tenant. May be cut off at any point, and done again."""

    def __init__(self, pool: Pool, key_store: KeyStore) -> None:
        self._pool = pool
        self._key_store = key_store

    async def __call__(self, tenant_id: str, buckets: Collection[int]) -> int:
        """Renew these buckets' keys; how many data keys were wrapped anew. On return what was
        wrapped under the old keys alone opens no more. Raises KeyUnavailable, Unavailable."""
        if not buckets:
            return 0
        with store_errors():
            async with self._pool.connection() as connection:
                await connection.execute(ALONE, (tenant_id,))
                try:
                    return await self._renew(connection, tenant_id, buckets)
                finally:
                    if not connection.closed:
                        await connection.execute(NOT_ALONE, (tenant_id,))

    async def _renew(
        self, connection: AsyncConnection[Any], tenant_id: str, buckets: Collection[int]
    ) -> int:
        self._key_store.rotate_buckets(tenant_id, buckets)
        current = {bucket: self._key_store.bucket(tenant_id, bucket) for bucket in sorted(buckets)}
        async with connection.transaction():
            # Who changes values makes keys before it has that lock, and commits them in its turn.
            await connection.execute(AWAIT, (tenant_id,))
            await connection.execute(BARRIER)
        wrapped = 0
        while rows := await self._stale(connection, tenant_id, current):
            await self._wrap(connection, tenant_id, rows, current)
            wrapped += len(rows)
        self._key_store.destroy_retired(tenant_id, buckets)
        return wrapped

    async def _stale(
        self,
        connection: AsyncConnection[Any],
        tenant_id: str,
        current: dict[int, tuple[Any, bytes]],
    ) -> Sequence[Any]:
        ids = UuidColumn([key_id.bytes for key_id, _ in current.values()])
        parameters = IntColumn(list(current)), ids, tenant_id, _AT_ONCE
        cursor = await connection.execute(STALE, parameters, binary=True)
        return await cursor.fetchall()

    async def _wrap(
        self,
        connection: AsyncConnection[Any],
        tenant_id: str,
        rows: Sequence[Any],
        current: Current,
    ) -> None:
        ciphers = {bucket: AESGCM(key) for bucket, (_, key) in current.items()}
        fresh = []
        for _, _, key_id, bucket, was, wrapped in rows:
            old = AESGCM(self._key_store.bucket_key(tenant_id, bucket, was))
            data_key = unseal(old, wrapped, key_id.bytes)
            fresh.append(seal(ciphers[bucket], data_key, key_id.bytes))
        await connection.execute(
            WRAP,
            (
                TextColumn([row[0] for row in rows]),
                TextColumn([row[1] for row in rows]),
                UuidColumn([row[4].bytes for row in rows]),
                UuidColumn([current[row[3]][0].bytes for row in rows]),
                BytesColumn(fresh),
                tenant_id,
            ),
            binary=True,
        )
