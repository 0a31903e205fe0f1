"""Whether the data keys in the database open with the key store that stands beside it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, Connection

from application.ports import KeyMissing, KeysDestroyed, KeyStore
from domain.errors import KeyUnavailable
from infrastructure.privacy.keyring import Keyring, KeyRow

_PAGE = 10_000
LIVE = """
select tenant_id, kind, subject, key_id, bucket, bucket_key_id, wrapped from data_keys
 where wrapped is not null and (tenant_id, kind, subject) > (%s, %s, %s)
 order by tenant_id, kind, subject limit %s
"""
ANY_EVENT = "select exists (select from events)"
NAMED = """
with recursive t(tenant_id) as (
  (select tenant_id from data_keys order by tenant_id limit 1)
  union all
  select (select k.tenant_id from data_keys k where k.tenant_id > t.tenant_id
           order by k.tenant_id limit 1) from t where t.tenant_id is not null),
chosen as (
  (select tenant_id from t where tenant_id is not null limit 50)
  union
  select tenant_id from (select tenant_id from events order by position desc limit 50) newest)
select distinct s.tenant_id, k.bucket, k.bucket_key_id
  from chosen s cross join lateral (
    (select bucket, bucket_key_id, wrapped from data_keys
      where tenant_id = s.tenant_id order by kind, subject limit 10)
    union all
    (select k.bucket, k.bucket_key_id, k.wrapped
       from (select key_id from disclosures
              where tenant_id = s.tenant_id order by sequence desc limit 10) d
       join data_keys k on k.tenant_id = s.tenant_id and k.key_id = d.key_id)) k
 where k.wrapped is not null
"""


async def has_events(connection: AsyncConnection[Any]) -> bool:
    """Whether anything was ever recorded."""
    row = await (await connection.execute(ANY_EVENT)).fetchone()
    return bool(row and row[0])


async def lacks_keys(
    connection: AsyncConnection[Any], key_store: KeyStore, left: Collection[str] = ()
) -> bool:
    """Whether the database names bucket keys that the key store lacks: then they do not belong
    together, or keys were lost.

    Looks at no more than 100 tenants, at 20 data keys of each, the newest among them. Those that
    have `left` are to have none.
    Raises KeyUnavailable when it cannot be told.
    """
    lacking = await _lacking(connection, key_store, left)
    # What was wrapped anew between reading the rows and asking for their keys is not lacking.
    return bool(lacking and lacking & await _lacking(connection, key_store, left))


async def _lacking(
    connection: AsyncConnection[Any], key_store: KeyStore, left: Collection[str]
) -> set[tuple[str, int, UUID]]:
    lacking: set[tuple[str, int, UUID]] = set()
    fault: KeyUnavailable | None = None
    cursor = await connection.execute(NAMED, binary=True)
    for tenant_id, bucket, key_id in await cursor.fetchall():
        if tenant_id in left:
            continue
        try:
            key_store.bucket_key(tenant_id, bucket, key_id)
        except KeysDestroyed:
            continue
        except KeyMissing:
            lacking.add((tenant_id, bucket, key_id))
        except KeyUnavailable as error:
            fault = error
    if fault is not None and not lacking:
        raise fault
    return lacking


def unopenable_keys(connection: Connection[Any], key_store: KeyStore) -> int:
    """How many live data keys the key store cannot unwrap."""
    keyring, lost, after = Keyring(key_store), 0, ("", "", "")
    while rows := connection.execute(LIVE, (*after, _PAGE), binary=True).fetchall():
        for row in rows:
            try:
                keyring.cipher(KeyRow(row[:3], *row[3:]))
            except KeyUnavailable:
                lost += 1
        after = rows[-1][:3]
    return lost
