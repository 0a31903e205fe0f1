"""Reindexing for a job: on a connection of its own, with the job's account in each transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from psycopg import AsyncConnection

from application.jobs.running import Cancelled
from application.ports import Statement
from infrastructure.postgres.connect import store_errors
from projections.search.entries import Indexing
from projections.search.indexing import Differences, reindex


class ReindexBeside:
    """Implements `application.maintenance.ports.Reindex`. connect: opens a connection in
    autocommit, the cell on its search path."""

    def __init__(
        self, connect: Callable[[], Awaitable[AsyncConnection[Any]]], indexing: Indexing
    ) -> None:
        self._connect = connect
        self._indexing = indexing

    async def __call__(
        self, tenant_id: str, first: int, last: int, beside: Callable[[int, int], Statement]
    ) -> None:
        with store_errors():
            connection = await self._connect()
            try:

                async def note(found: Differences, place: int) -> None:
                    text, parameters = beside(place, found.differing)
                    noted = await connection.execute(text.encode(), parameters)
                    if noted.rowcount == 0:
                        raise Cancelled

                await reindex(connection, self._indexing, tenant_id, first, last, beside=note)
            finally:
                await connection.close()
