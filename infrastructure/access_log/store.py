"""The rows of the access log: added once, never changed; what of them is personal lies beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from application.access_log.ports import Asked, Logged, Place, Reader
from application.ports import KeysDestroyed, Statement
from domain.access.log import Batch, Entry, Kept
from domain.privacy.sealing import open_disclosures
from infrastructure.access_log import statements as sql
from infrastructure.event_store.statements import INSERT_KEYS, LOAD_KEYS, LOCK
from infrastructure.postgres.arrays import BytesColumn, IntColumn, TextColumn, UuidColumn
from infrastructure.postgres.connect import Pool, store_errors
from infrastructure.privacy.keyring import Keyring, KeyRow, Owner, seal, unseal


class PostgresAccessLog:
    """Implements Store of draining.py, and LogReader and Batches of `application.access_log.ports`,
    on a pool of one cell."""

    def __init__(self, pool: Pool, keyring: Keyring) -> None:
        self._pool = pool
        self._keyring = keyring

    async def add(self, kept: Sequence[Kept]) -> None:
        """See Store. In one transaction; writers take turns, so that numbers are committed in
        their order. What is personal to readers is left out once the tenant has no keys."""
        if not kept:
            return
        keyed = {
            tenant_id
            for tenant_id in {one.entry.tenant_id for one in kept if one.disclosures}
            if self._has_keys(tenant_id)
        }
        rows = msgspec.json.encode(
            [{**msgspec.structs.asdict(one.entry), "place": at} for at, one in enumerate(kept)]
        ).decode()
        with store_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(sql.IN_TURN)
                added = await (await connection.execute(sql.INSERT, (rows,))).fetchall()
                fresh = {(tenant_id, entry_id) for tenant_id, entry_id in added}
                await self._add_personal(connection, [
                    one for one in kept
                    if one.disclosures and one.entry.tenant_id in keyed
                    and (one.entry.tenant_id, one.entry.entry_id) in fresh
                ])  # fmt: skip

    def _has_keys(self, tenant_id: str) -> bool:
        try:
            self._keyring.warm(tenant_id)
        except KeysDestroyed:
            return False
        return True

    async def _add_personal(self, connection: AsyncConnection[Any], kept: Sequence[Kept]) -> None:
        """What is in the log already gets nothing: it may have been erased since."""
        owners = {_owner(one.entry) for one in kept}
        keys = await self._keys(connection, owners)
        rows = []
        for one in kept:
            key, entry = keys[_owner(one.entry)], one.entry
            if key.wrapped is not None:
                place = _place(entry.tenant_id, entry.entry_id)
                sealed = seal(self._keyring.cipher(key), one.disclosures.encode(), place)
                rows.append((entry.tenant_id, entry.entry_id.bytes, key.key_id.bytes, sealed))
        if rows:
            tenants, entries, key_ids, sealed_ = zip(*rows, strict=True)
            columns = (TextColumn(tenants), UuidColumn(entries), UuidColumn(key_ids))
            await connection.execute(sql.INSERT_PERSONAL, (*columns, BytesColumn(sealed_)))

    async def _keys(
        self, connection: AsyncConnection[Any], owners: set[Owner]
    ) -> dict[Owner, KeyRow]:
        """The data keys of readers, those that have to be made under the committer's lock: it makes
        keys as well, of those that it has found missing."""
        keys = await _loaded(connection, owners)
        if missing := owners - keys.keys():
            await connection.execute(LOCK)
            keys |= await _loaded(connection, missing)
            made = [self._keyring.create(owner)[0] for owner in sorted(missing - keys.keys())]
            if made:
                await connection.execute(INSERT_KEYS, _key_columns(made))
            keys |= {key.owner: key for key in made}
        return keys

    async def listed(
        self, tenant_id: str, asked: Asked, before: Place | None, limit: int, *, disclosing: bool
    ) -> list[Logged]:
        given = {name: value for name, value in msgspec.structs.asdict(asked).items()
                 if value is not None}  # fmt: skip
        if before is not None:
            given |= {"before_us": before[0], "before_id": before[1]}
        statement = sql.listed(given)
        parameters = {**given, "tenant": tenant_id, "limit": limit}
        with store_errors():
            async with self._pool.connection() as connection:
                rows = await (await connection.execute(statement, parameters)).fetchall()
        return [self._logged(tenant_id, row, disclosing=disclosing) for row in rows]

    async def of_orders(
        self, tenant_id: str, order_ids: Sequence[str], before_us: int, after: Reader, limit: int
    ) -> list[tuple[str, Entry]]:
        parameters = (tenant_id, list(order_ids), before_us, *after, limit)
        with store_errors():
            async with self._pool.connection() as connection:
                rows = await (await connection.execute(sql.OF_ORDERS, parameters)).fetchall()
        return [(row[0], entry_of(tenant_id, row[1:])) for row in rows]

    def _logged(self, tenant_id: str, row: tuple[Any, ...], *, disclosing: bool) -> Logged:
        """`row`: an entry without its tenant, then what is sealed of it, then the key's columns."""
        columns = len(Entry.__struct_fields__) - 1
        entry = entry_of(tenant_id, row[:columns])
        sealed, kind, subject, *key = row[columns:]
        if not disclosing or sealed is None or kind is None:
            return Logged(entry, {})
        key_row = KeyRow((tenant_id, kind, subject), *key)
        if key_row.wrapped is None:
            return Logged(entry, {})
        place = _place(tenant_id, entry.entry_id)
        text = unseal(self._keyring.cipher(key_row), sealed, place).decode("ascii")
        return Logged(entry, open_disclosures(text))

    async def waiting(self) -> list[str]:
        with store_errors():
            async with self._pool.connection() as connection:
                rows = await (await connection.execute(sql.UNCOVERED)).fetchall()
        return [row[0] for row in rows]

    async def next(self, tenant_id: str, limit: int) -> tuple[int, list[Entry]]:
        with store_errors():
            async with self._pool.connection() as connection:
                covered = await (await connection.execute(sql.COVERED, (tenant_id,))).fetchone()
                first = covered[0] + 1 if covered else 1
                cursor = await connection.execute(sql.RANGE, (tenant_id, first, first + limit - 1))
                rows = await cursor.fetchall()
        return first, [entry_of(tenant_id, row[1:]) for row in rows]

    def insertion(self, tenant_id: str, batch: Batch) -> Sequence[Statement]:
        return [(sql.INSERT_BATCH, (tenant_id, batch.first, batch.last, batch.root))]


def entry_of(tenant_id: str, row: Sequence[Any]) -> Entry:
    """The entry of a row whose columns are ENTRY of statements.py."""
    entry_id, at_us, subject, roles, operation, endpoint, orders, fields, *rest = row
    return Entry(
        entry_id, tenant_id, at_us, subject, tuple(roles), operation, endpoint,
        tuple(orders), tuple(fields), *rest,
    )  # fmt: skip


async def _loaded(connection: AsyncConnection[Any], owners: Iterable[Owner]) -> dict[Owner, KeyRow]:
    if not (rows := list(owners)):
        return {}
    columns = [TextColumn(column) for column in zip(*rows, strict=True)]
    found = await (await connection.execute(LOAD_KEYS, columns, binary=True)).fetchall()
    return {row[:3]: KeyRow(row[:3], *row[3:]) for row in found}


def _key_columns(keys: Sequence[KeyRow]) -> tuple[object, ...]:
    return (
        *(TextColumn(column) for column in zip(*(key.owner for key in keys), strict=True)),
        UuidColumn([key.key_id.bytes for key in keys]),
        IntColumn([key.bucket for key in keys]),
        UuidColumn([key.bucket_key_id.bytes for key in keys]),
        BytesColumn([key.wrapped for key in keys]),
    )


def _owner(entry: Entry) -> Owner:
    return entry.tenant_id, "reader", entry.subject


def _place(tenant_id: str, entry_id: UUID) -> bytes:
    """What binds sealed disclosures to their entry."""
    return f"{tenant_id}/access/{entry_id}".encode()
