"""Which event ids a tenant has recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from infrastructure.postgres.connect import store_errors

AMONG = "select event_id from events where tenant_id = %s and event_id = any(%s::text[])"


class RecordedIds:
    """Implements `application.orders.validate.RecordedIds` on connections of one cell."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self._pool = pool

    async def among(self, tenant_id: str, event_ids: Sequence[str]) -> set[str]:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(AMONG, (tenant_id, list(event_ids)))
                return {row[0] for row in await cursor.fetchall()}
