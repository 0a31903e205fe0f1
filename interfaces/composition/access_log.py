"""The access log of an API process; and what a worker does for those of all processes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from application.access_log.digesting import DigestAccess
from application.access_log.recording import AccessLog
from infrastructure.access_log.draining import Drains
from infrastructure.access_log.owning import ProcessSpool
from infrastructure.access_log.store import PostgresAccessLog
from infrastructure.access_log.verifying import Verified, verify
from infrastructure.access_log.waiting import Waiting, waiting
from interfaces.composition.connections import blocking, clock
from interfaces.composition.installations import key_directory
from interfaces.composition.writing import WriteSide
from interfaces.settings import Settings


@asynccontextmanager
async def logging_access(side: WriteSide) -> AsyncIterator[AccessLog]:
    """An API process's, until left."""
    directory, given = spool_directory(side.settings), side.settings.access
    store = PostgresAccessLog(side.pool, side.keyring)
    spool = ProcessSpool(directory, side.key_store, _drains(side, store), fsync=given.fsync)
    spool.start()
    try:
        yield AccessLog(spool, store, clock, os.urandom, given.reasoned)
    finally:
        await spool.close()


def draining_access(side: WriteSide) -> Drains:
    """A worker's: what API processes have ended comes into the log."""
    return _drains(side, PostgresAccessLog(side.pool, side.keyring))


@asynccontextmanager
async def awaiting_access(side: WriteSide) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """For who shows nothing itself: what returns once the log has all that any process noted."""
    directory = spool_directory(side.settings)
    store = PostgresAccessLog(side.pool, side.keyring)
    spool = ProcessSpool(directory, side.key_store, _drains(side, store))
    try:
        yield spool.drained
    finally:
        await spool.close()


def tending_access(side: WriteSide) -> Callable[[], Awaitable[object]]:
    """A worker's: what processes left that are gone comes into the log, and what is in the log onto
    the ledgers."""
    store = PostgresAccessLog(side.pool, side.keyring)
    drains = _drains(side, store)
    digest = DigestAccess(store, side.committer, clock, os.urandom)

    async def tend() -> None:
        await drains.orphans()
        await digest()

    return tend


def access_waiting(side: WriteSide) -> Waiting:
    """What is in the spools of all processes. Raises OSError."""
    return waiting(spool_directory(side.settings))


def verify_access(settings: Settings, tenant_id: str) -> Verified:
    """Recompute the batches of a tenant's log."""
    with blocking(settings, "verify")() as connection:
        return verify(connection, tenant_id)


def spool_directory(settings: Settings) -> Path:
    return settings.data_dir / "access"


def _drains(side: WriteSide, store: PostgresAccessLog) -> Drains:
    keys = key_directory(side.settings.data_dir)
    return Drains(spool_directory(side.settings), side.key_store, store, keys / ".lock")
