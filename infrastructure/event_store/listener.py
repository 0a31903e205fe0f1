"""One LISTEN connection per process; whoever waits is woken when something was committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from domain.errors import Unavailable
from infrastructure.event_store.notifier import channel

_RETRY = 0.5


class Listener:
    """Implements `application.ports.Wake`. While its connection is away, waiters just time out."""

    def __init__(self, connect: Callable[[], Awaitable[AsyncConnection[Any]]], cell: str) -> None:
        self._connect = connect
        self._listen = sql.SQL("listen {}").format(sql.Identifier(channel(cell)))
        self._woken = asyncio.Event()
        self._moment = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="listener")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def moment(self) -> int:
        """How often it has woken so far."""
        return self._moment

    async def wait(self, since: int, timeout: float) -> None:
        """Return when it has woken after `since`, or after `timeout` seconds."""
        if self._moment != since:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._woken.wait()

    async def _run(self) -> None:
        while True:
            with suppress(psycopg.Error, OSError, Unavailable):
                async with await self._connect() as connection:
                    await connection.execute(self._listen)
                    async for _ in connection.notifies():
                        self._wake()
            await asyncio.sleep(_RETRY)

    def _wake(self) -> None:
        self._moment += 1
        woken, self._woken = self._woken, asyncio.Event()
        woken.set()
