"""How the parts of the program reach the database, each under a name of its own."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection

from infrastructure.postgres.connect import address, connect_one
from interfaces.settings import Settings

Connecting = Callable[[], Awaitable[AsyncConnection[Any]]]


def clock() -> int:
    """Microseconds since 1970, of this machine."""
    return time.time_ns() // 1000


def connecting(
    settings: Settings, name: str, options: dict[str, str] | None = None, *, as_owner: bool = False
) -> Connecting:
    """Opens connections of the application's role, or of the tables' owner."""

    async def connect() -> AsyncConnection[Any]:
        return await connect_one(
            settings.database_url, settings.cell, name=name, as_owner=as_owner, settings=options
        )

    return connect


def blocking(
    settings: Settings, name: str, *, as_owner: bool = False
) -> Callable[[], Connection[Any]]:
    """Opens blocking connections, for what is not asynchronous."""
    target = address(settings.database_url, settings.cell, name=name, as_owner=as_owner)
    return lambda: psycopg.connect(target, autocommit=True)
