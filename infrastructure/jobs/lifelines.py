"""Signs of life of jobs that run outside the workers: session locks of PostgreSQL.

The server lets go of a session's lock when the session ends, however that ends, so nobody has to
guess how long a silence may last. No transaction pooler may stand between (as for LISTEN).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from application.ports import Clock
from infrastructure.jobs.store import Pool
from infrastructure.postgres.connect import store_errors

SETTINGS = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "2"}
"""Server settings of a lifeline's connection: a machine that is gone is noticed, too."""

_AGAIN = 0.5
_DEAD = "its process ended before its end; what it had recorded stays: start it again to go on"

HOLD = "select pg_advisory_lock(hashtextextended('job ' || %s, 0))"
# Across tenants, for who cleans up after all of them.
BURY = """
with running as materialized (
  select tenant_id, job_id from jobs where kind = %s and status = 'running')
update jobs j
   set status = 'failed', finished_us = %s, errors = %s
  from running r
 where j.tenant_id = r.tenant_id and j.job_id = r.job_id and j.status = 'running'
   and pg_try_advisory_xact_lock(hashtextextended('job ' || r.job_id, 0))
"""


class PostgresLifelines:
    """Implements `application.jobs.ports.Lifelines`. `connect` opens connections with SETTINGS."""

    def __init__(
        self, connect: Callable[[], Awaitable[AsyncConnection[Any]]], pool: Pool, clock: Clock
    ) -> None:
        self._connect = connect
        self._pool = pool
        self._clock = clock

    @asynccontextmanager
    async def held(self, job_id: str) -> AsyncIterator[None]:
        with store_errors():
            connection = await self._hold(job_id)
        holding = asyncio.create_task(self._keep(connection, job_id), name="lifeline")
        try:
            yield
        finally:
            holding.cancel()
            with suppress(asyncio.CancelledError):
                await holding

    async def bury(self, kind: str) -> int:
        errors = Jsonb([{"pointer": "", "detail": _DEAD}])
        with store_errors():
            async with self._pool.connection() as connection:
                return (await connection.execute(BURY, (kind, self._clock(), errors))).rowcount

    async def _hold(self, job_id: str) -> AsyncConnection[Any]:
        connection = await self._connect()
        try:
            await connection.execute(HOLD, (job_id,))
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _keep(self, connection: AsyncConnection[Any], job_id: str) -> None:
        """Take the lock anew whenever its connection is lost."""
        while True:
            async with connection:
                with suppress(psycopg.OperationalError):
                    async for _ in connection.notifies():
                        pass  # nothing is listened to: this waits for the connection's end
            connection = await self._retry(job_id)

    async def _retry(self, job_id: str) -> AsyncConnection[Any]:
        while True:
            await asyncio.sleep(_AGAIN)
            with suppress(psycopg.OperationalError, OSError):
                return await self._hold(job_id)
