"""The personal values behind the digests: read from the side table, opened with their data keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ports import KeyMissing
from domain.privacy.sealing import Opened, open_disclosures
from infrastructure.postgres.arrays import BigintColumn
from infrastructure.postgres.connect import store_errors
from infrastructure.privacy.encrypting import disclosure_place
from infrastructure.privacy.keyring import DoesNotOpen, Keyring, KeyRow, unseal

_COLUMNS = """
select d.sequence, d.sealed, k.kind, k.subject, k.key_id, k.bucket, k.bucket_key_id, k.wrapped
"""
# Each key is looked up: the planner would rather read all keys of a tenant that has a thousand. The
# sub-select hides how many sequences are asked for, so that one plan serves all pages.
OF_EVENTS = f"""{_COLUMNS}
  from disclosures d
 cross join lateral (
       select * from data_keys where tenant_id = d.tenant_id and key_id = d.key_id limit 1) as k
 where d.tenant_id = %s and d.sequence = any((select %s::bigint[])::bigint[])
"""
OF_ORDER = f"""{_COLUMNS}
  from disclosures d
  join data_keys k on k.tenant_id = d.tenant_id and k.key_id = d.key_id
 where k.tenant_id = %s and k.kind = 'order' and k.subject = %s
"""
IN_SNAPSHOTS = """
select s.sequence, s.snapshot_id
  from data_keys k
  join disclosures d on d.tenant_id = k.tenant_id and d.key_id = k.key_id
  join order_snapshots s on s.tenant_id = d.tenant_id and s.sequence = d.sequence
 where k.tenant_id = %s and k.kind = 'actor' and k.subject = %s and s.sequence > %s
 order by s.sequence limit %s
"""


class StoredDisclosures:
    """Implements `application.ports.Disclosures`: one query a page."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]], keyring: Keyring) -> None:
        self._pool = pool
        self._keyring = keyring

    async def of(self, tenant_id: str, sequences: Sequence[int]) -> Opened:
        if not sequences:
            return Opened()
        return await self._open(OF_EVENTS, (tenant_id, BigintColumn(sequences)))

    async def of_order(self, tenant_id: str, order_id: str) -> Opened:
        return await self._open(OF_ORDER, (tenant_id, order_id))

    async def of_owners(
        self, tenant_id: str, sequences: Sequence[int], owners: Collection[tuple[str, str]]
    ) -> Opened:
        """Implements `application.subject_access.ports.OwnersDisclosures`."""
        if not sequences:
            return Opened()
        rows = await self._rows(OF_EVENTS, (tenant_id, BigintColumn(sequences)))
        return self.opened(tenant_id, (row for row in rows if (row[2], row[3]) in owners))

    async def in_snapshots(
        self, tenant_id: str, actor_id: str, after: int, limit: int
    ) -> Sequence[tuple[int, str]]:
        with store_errors():
            async with self._pool.connection() as connection:
                parameters = (tenant_id, actor_id, after, limit)
                return await (await connection.execute(IN_SNAPSHOTS, parameters)).fetchall()

    async def by_owner(
        self, tenant_id: str, sequence: int
    ) -> tuple[dict[tuple[str, str], Opened], bool]:
        """What is disclosed of one event, by the kind and the id of whose key hides it; and whether
        there is a row that does not open, or holds no disclosures. Raises KeyUnavailable when the
        key store does not answer."""
        found: dict[tuple[str, str], Opened] = {}
        damaged = False
        for row in await self._rows(OF_EVENTS, (tenant_id, BigintColumn([sequence]))):
            try:
                if (text := disclosed_text(self._keyring, tenant_id, row)) is not None:
                    found[row[2], row[3]] = open_disclosures(text)
            except (DoesNotOpen, KeyMissing, msgspec.DecodeError, ValueError):
                damaged = True
        return found, damaged

    async def _open(self, statement: str, parameters: tuple[str, str | BigintColumn]) -> Opened:
        return self.opened(parameters[0], await self._rows(statement, parameters))

    async def _rows(
        self, statement: str, parameters: tuple[str, str | BigintColumn]
    ) -> list[tuple[Any, ...]]:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(statement, parameters, binary=True)
                return await cursor.fetchall()

    def opened(self, tenant_id: str, rows: Iterable[tuple[Any, ...]]) -> Opened:
        """What these statements found. Raises KeyUnavailable."""
        opened = Opened()
        for row in rows:
            if (text := disclosed_text(self._keyring, tenant_id, row)) is not None:
                opened.add(text)
        return opened


def disclosed_text(keyring: Keyring, tenant_id: str, row: Sequence[Any]) -> str | None:
    """The disclosures of a row, whose columns are those of OF_EVENTS; None once its key is erased.

    Raises DoesNotOpen for damaged ones, KeyMissing, KeyUnavailable.
    """
    sequence, sealed, kind, subject, *key = row
    key_row = KeyRow((tenant_id, kind, subject), *key)
    if key_row.wrapped is None:
        return None
    place = disclosure_place(tenant_id, sequence)
    return unseal(keyring.cipher(key_row), sealed, place).decode("ascii")
