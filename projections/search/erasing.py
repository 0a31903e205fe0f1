"""The terms of erased values: made anew, of what is disclosed, on a connection of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection

from infrastructure.postgres.connect import store_errors
from projections.search.entries import Indexing
from projections.search.indexing import check_these, reindex_these

EVENTS_OF = """
select sequence from order_events
 where tenant_id = %s and order_id = any(%s::text[]) order by sequence
"""


class ErasedTerms:
    """Implements `application.erasure.ports.SearchTerms`. connect: opens a connection in
    autocommit, the cell on its search path."""

    def __init__(
        self, connect: Callable[[], Awaitable[AsyncConnection[Any]]], indexing: Indexing
    ) -> None:
        self._connect = connect
        self._indexing = indexing

    async def renew(self, tenant_id: str, order_ids: Sequence[str]) -> int:
        async with self._connected() as connection:
            sequences = await _events_of(connection, tenant_id, order_ids)
            found = await reindex_these(connection, self._indexing, tenant_id, sequences)
        return found.differing

    async def stale(self, tenant_id: str, order_ids: Sequence[str]) -> int:
        async with self._connected() as connection:
            sequences = await _events_of(connection, tenant_id, order_ids)
            found = await check_these(connection, self._indexing, tenant_id, sequences)
        return found.differing

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection[Any]]:
        with store_errors():
            connection = await self._connect()
            try:
                yield connection
            finally:
                await connection.close()


async def _events_of(
    connection: AsyncConnection[Any], tenant_id: str, order_ids: Sequence[str]
) -> list[int]:
    cursor = await connection.execute(EVENTS_OF, (tenant_id, list(order_ids)))
    return [sequence for (sequence,) in await cursor.fetchall()]
