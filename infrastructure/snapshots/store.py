"""The states of captured snapshots, beside the ledger: immutable, deletable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ports import Statement
from application.snapshots.ports import SnapshotRow
from infrastructure.postgres.connect import store_errors

_COLUMNS = "snapshot_id, order_id, captured_us, captured_at, source, sequence, size_bytes"
GET = f"""
select {_COLUMNS}, state, metadata from order_snapshots where tenant_id = %s and snapshot_id = %s
"""
OF_ORDER = f"""
select {_COLUMNS}, ''::bytea, null::bytea from order_snapshots
 where tenant_id = %s and order_id = %s and (captured_us, snapshot_id) > (%s, %s)
 order by captured_us, snapshot_id limit %s
"""
OF_ORDERS = """
select order_id, captured_us, snapshot_id from order_snapshots
 where tenant_id = %s and order_id = any(%s) and (order_id, captured_us, snapshot_id) > (%s, %s, %s)
 order by order_id, captured_us, snapshot_id limit %s
"""
INSERT = f"""
insert into order_snapshots (tenant_id, {_COLUMNS}, state, metadata)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
DELETE = "delete from order_snapshots where tenant_id = %s and snapshot_id = %s"
DELETE_DISCLOSURES = "delete from disclosures where tenant_id = %s and sequence = %s"


class Snapshots:
    """Implements `application.snapshots.ports.SnapshotStore`, and SnapshotPlaces of
    `application.subject_access.ports`."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self._pool = pool

    async def get(self, tenant_id: str, snapshot_id: str) -> SnapshotRow | None:
        rows = await self._select(GET, (tenant_id, snapshot_id))
        return rows[0] if rows else None

    async def of_order(
        self, tenant_id: str, order_id: str, after: tuple[int, str] | None, limit: int
    ) -> Sequence[SnapshotRow]:
        captured_us, snapshot_id = after or (-(2**62), "")
        return await self._select(OF_ORDER, (tenant_id, order_id, captured_us, snapshot_id, limit))

    async def of_orders(
        self, tenant_id: str, order_ids: Sequence[str], after: tuple[str, int, str], limit: int
    ) -> Sequence[tuple[str, int, str]]:
        with store_errors():
            async with self._pool.connection() as connection:
                parameters = (tenant_id, list(order_ids), *after, limit)
                return await (await connection.execute(OF_ORDERS, parameters)).fetchall()

    def insertion(self, tenant_id: str, row: SnapshotRow) -> Statement:
        return INSERT, (tenant_id, *(getattr(row, name) for name in row.__struct_fields__))

    def removal(self, tenant_id: str, snapshot_id: str, sequence: int) -> Sequence[Statement]:
        return [(DELETE, (tenant_id, snapshot_id)), (DELETE_DISCLOSURES, (tenant_id, sequence))]

    async def _select(self, statement: str, parameters: Sequence[object]) -> list[SnapshotRow]:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(statement, parameters, binary=True)
                return [SnapshotRow(*row) for row in await cursor.fetchall()]
