"""NOTIFY after a commit: a hint that something is there, never the news itself.

On a connection of its own with synchronous_commit off, and at most one per 5 ms: inside the
append's transaction it would take a cluster-wide lock through the flush.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection

from domain.errors import Unavailable

_APART = 0.005
_RETRY = 0.5


def channel(cell: str) -> str:
    """The NOTIFY channel of a cell."""
    return f"order_history_{cell}"


class Notifier:
    """Call `hint()` after each commit, as often as you like."""

    def __init__(self, connect: Callable[[], Awaitable[AsyncConnection[Any]]], cell: str) -> None:
        self._connect = connect
        self._channel = channel(cell)
        self._due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def hint(self) -> None:
        """Readers should look. Returns at once."""
        self._due.set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="notifier")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                connection = await self._connect()
            except (psycopg.Error, OSError, Unavailable):
                await asyncio.sleep(_RETRY)
                continue
            with suppress(psycopg.Error, OSError):
                async with connection:
                    await connection.execute("set synchronous_commit = off")
                    await self._notify(connection)

    async def _notify(self, connection: AsyncConnection[Any]) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            await connection.execute("select pg_notify(%s, '')", (self._channel,))
            await asyncio.sleep(_APART)
