"""One after the other, in all processes: by a lock of the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.errors import Unavailable
from infrastructure.postgres.connect import Pool, store_errors

_LOCK = "hashtextextended('personal values ' || %s, 0)"
# It falls with the transaction: whatever becomes of who has it.
TAKE = f"select pg_try_advisory_xact_lock({_LOCK})"
# For a transaction that goes on once who has it has committed.
AWAIT = f"select pg_advisory_xact_lock({_LOCK})"
_PAUSE = 0.05
_PATIENCE = 30.0


class PostgresTurns:
    """Implements `application.erasure.ports.Turns`. Who waits keeps no connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def taken(self, tenant_id: str) -> AsyncIterator[None]:
        until = asyncio.get_running_loop().time() + _PATIENCE
        while asyncio.get_running_loop().time() < until:
            with store_errors():
                async with self._pool.connection() as connection, connection.transaction():
                    cursor = await connection.execute(TAKE, (tenant_id,))
                    if await cursor.fetchone() == (True,):
                        yield
                        return
            await asyncio.sleep(_PAUSE)
        raise Unavailable("others change personal values all the time; it is tried again")
