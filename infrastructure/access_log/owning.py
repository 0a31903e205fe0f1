"""The spool of an API process: it ends a segment each second, and the worker drains it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from time import monotonic
from typing import Any

from application.ports import KeyStore
from domain.access.log import Noted
from domain.errors import Unavailable
from infrastructure.access_log import segments
from infrastructure.access_log.draining import Drains, Trying
from infrastructure.access_log.spool import OwnSpool

EVERY = 1.0
"""Seconds after which a segment is ended."""

PATIENCE = 5.0
"""Seconds after which a process drains itself what it has ended: there is no worker."""

RENEWED = 3600.0
"""Seconds after which a process begins a new spool, so that the old one's key goes."""

_MOST_ENDED = 10
_SEGMENT_BYTES = 1 << 20


class ProcessSpool:
    """Implements `application.access_log.ports.Spool`. From `start` on what it takes comes into the
    log, until `close`, which drains what is left.

    Draining costs as much as noting does, of the processor that answers; so it is left to a worker
    as long as there is one.
    """

    def __init__(
        self, directory: Path, key_store: KeyStore, drains: Drains, *, fsync: bool = False
    ) -> None:
        self._directory = directory
        self._key_store = key_store
        self._drains = drains
        self._fsync = fsync
        self._draining = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._trying = Trying()
        self._own = self._begun()
        self._begun_at = monotonic()

    def append(self, noted: Noted) -> Coroutine[Any, Any, None]:
        # No coroutine of its own: every read of personal values comes by.
        return self._own.append(noted)

    def start(self) -> None:
        """Begin with what processes left that are gone."""
        self._task = asyncio.create_task(self._run(), name="access log")

    async def close(self) -> None:
        """What cannot be drained now is found by the next process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._own.close()
        await self._trying(self._drains.orphans)

    async def drained(self) -> None:
        try:
            await self._drain(turning=True)
            for spool_id, path in list(segments.segments(self._directory)):
                if spool_id != self._own.spool_id:
                    await self._drains.copy(spool_id, path)
        except OSError as error:
            raise Unavailable from error

    async def _run(self) -> None:
        await self._trying(self._drains.orphans)
        while True:
            await asyncio.sleep(EVERY)
            await self._trying(self._tend)

    async def _tend(self) -> None:
        if monotonic() - self._begun_at > RENEWED:
            await self._renew()
        undrained = self._own.undrained()
        # While the log is away there need not be a segment for each second.
        if len(undrained) < _MOST_ENDED or self._own.size > _SEGMENT_BYTES:
            self._own.turn()
        if undrained and undrained[0] > PATIENCE:
            await self._drain(turning=False)

    async def _drain(self, *, turning: bool) -> None:
        async with self._draining:
            if turning:
                self._own.turn()
            await self._drains.spool(self._own.spool_id, self._own.current)

    async def _renew(self) -> None:
        """The old one has no owner any more."""
        async with self._draining:
            fresh = await asyncio.to_thread(self._begun)
            old, self._own, self._begun_at = self._own, fresh, monotonic()
            await old.close()
        await self._drains.orphans()

    def _begun(self) -> OwnSpool:
        return OwnSpool(self._directory, self._key_store, fsync=self._fsync)
