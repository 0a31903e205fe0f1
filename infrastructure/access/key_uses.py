"""When API keys were used last: noted to the minute, beside the requests that use them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from domain.errors import Unavailable
from domain.times import SECOND
from infrastructure.postgres.connect import Pool, store_errors

EVERY_US = 60 * SECOND
_MOST = 10_000

NOTE = """
insert into api_key_uses (tenant_id, key_id, last_us) values (%s, %s, %s)
    on conflict (tenant_id, key_id) do update set last_us = greatest(
       api_key_uses.last_us, excluded.last_us)
"""
LAST = "select key_id, last_us from api_key_uses where tenant_id = %s"

log = structlog.get_logger(__name__)


class StoredKeyUses:
    """Implements `application.access.api_keys.KeyUses`. One event loop; `aclose` when done.

    A use within a minute of one that was noted is not: a process that is killed loses less than
    that.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._noted: dict[tuple[str, str], int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def used(self, tenant_id: str, key_id: str, now_us: int) -> None:
        key = tenant_id, key_id
        if now_us - self._noted.get(key, -EVERY_US) < EVERY_US:
            return
        if len(self._noted) >= _MOST:
            self._noted.clear()
        self._noted[key] = now_us
        task = asyncio.create_task(self._note(tenant_id, key_id, now_us))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def last(self, tenant_id: str) -> Mapping[str, int]:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(LAST, (tenant_id,))
                return dict(await cursor.fetchall())

    async def aclose(self) -> None:
        """Wait for what is being noted."""
        await asyncio.gather(*self._tasks)

    async def _note(self, tenant_id: str, key_id: str, now_us: int) -> None:
        try:
            with store_errors():
                async with self._pool.connection() as connection:
                    await connection.execute(NOTE, (tenant_id, key_id, now_us))
        except Unavailable as error:
            self._noted.pop((tenant_id, key_id), None)  # the next use is noted instead
            log.warning("api_keys.use_not_noted", error=type(error).__name__)
