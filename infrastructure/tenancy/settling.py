"""Waiting for what goes on after a tenant was closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Protocol

from application.ledger.ports import LedgerReader
from application.tenancy.ports import Tell
from domain.errors import Unavailable
from domain.tenancy.closing import Closed
from infrastructure.postgres.connect import Pool, store_errors

GRACE = 3.0
"""Seconds until every process has heard of the closing, and has answered what it was at."""
PATIENCE = 60.0
"""Seconds to wait for what a worker does."""
_LOOK_EVERY = 0.2

LIVE = """
select count(*) from jobs where tenant_id = %s and status in ('queued', 'running')
"""


class Following(Protocol):
    """How far the read model is that has search terms."""

    async def wait_for(self, tenant: str, sequence: int, timeout: float) -> bool: ...


class Settling:
    """Implements `application.tenancy.ports.Settled`. drained: returns once the access log has all
    that was noted; jobs end because the door refuses what they record."""

    def __init__(
        self,
        pool: Pool,
        drained: Callable[[], Awaitable[None]],
        ledger: LedgerReader,
        model: Following,
        *,
        grace: float = GRACE,
        patience: float = PATIENCE,
    ) -> None:
        self._pool = pool
        self._drained = drained
        self._ledger = ledger
        self._model = model
        self._grace = grace
        self._patience = patience

    async def __call__(self, tenant_id: str, closed: Closed, tell: Tell) -> None:
        await asyncio.sleep(self._grace)
        tell("settled: no process serves it any more")
        await self._drained()

        async def no_jobs() -> bool:
            with store_errors():
                async with self._pool.connection() as connection:
                    row = await (await connection.execute(LIVE, (tenant_id,))).fetchone()
            return not (row and row[0])

        async def covered() -> bool:
            newest = await self._ledger.newest(tenant_id, trusted=True)
            return newest is not None and newest.size >= closed.sequence

        async def followed() -> bool:
            return await self._model.wait_for(tenant_id, closed.sequence, _LOOK_EVERY)

        await self._until(no_jobs, "its jobs have not ended")
        await self._until(followed, "the read models do not have its last event")
        await self._until(covered, "no checkpoint covers its last event")
        tell("settled: its jobs are over, and a checkpoint covers its last event")

    async def _until(self, holds: Callable[[], Awaitable[bool]], otherwise: str) -> None:
        deadline = monotonic() + self._patience
        while not await holds():
            if monotonic() > deadline:
                raise Unavailable(f"{otherwise}: is a worker running? Run it again to go on")
            await asyncio.sleep(_LOOK_EVERY)
