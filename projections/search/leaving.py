"""The terms of a whole tenant: made anew, of what is disclosed, once that is nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from psycopg import AsyncConnection

from infrastructure.postgres.connect import store_errors
from projections.search.entries import Indexing
from projections.search.indexing import Progress, check, reindex

_LAST = "select coalesce(max(sequence), 0) from order_events where tenant_id = %s"


class TenantTerms:
    """Implements `application.tenancy.ports.Store`: counts the events whose terms are not those of
    what is disclosed of them now. Terms of what is not personal stay: they say what the events say.
    """

    follows = True

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncConnection[Any]]],
        indexing: Indexing,
        name: str,
    ) -> None:
        self.name = name
        self._connect = connect
        self._indexing = indexing

    async def count(self, tenant_id: str) -> int:
        with store_errors():
            async with await self._connect() as connection:
                last = await _last(connection, tenant_id)
                found = await check(connection, self._indexing, tenant_id, 1, last)
        return found.differing

    async def destroy(self, tenant_id: str, progress: Progress) -> None:
        with store_errors():
            async with await self._connect() as connection:
                last = await _last(connection, tenant_id)
                await reindex(connection, self._indexing, tenant_id, 1, last, progress)


async def _last(connection: AsyncConnection[Any], tenant_id: str) -> int:
    row = await (await connection.execute(_LAST, (tenant_id,))).fetchone()
    return int(row[0]) if row else 0
