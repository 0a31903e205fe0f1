"""From the spools of processes into the log: this process's own, and those whose owner is gone.

A segment goes only after its entries are committed, and while no backup is being taken: that holds
the key store's lock from the moment of its dump until it has copied the files. So every entry is in
the dump or in a file of the backup, or in both, and what comes twice is known by its id.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Protocol

import structlog

from application.ports import KeyStore
from domain.access.log import Kept
from domain.errors import Unavailable
from infrastructure.access_log import segments
from infrastructure.access_log.segments import Contents
from infrastructure.access_log.spool import OwnSpool
from infrastructure.key_store import durable

EVERY = 1.0
"""Seconds between two drains of a process."""

RENEWED = 3600.0
"""Seconds after which a process begins a new spool, so that the old one's key goes."""

_BATCH = 500
_SEGMENT_BYTES = 1 << 20
log = structlog.get_logger(__name__)


class Store(Protocol):
    """Where entries come to."""

    async def add(self, kept: Sequence[Kept]) -> None:
        """Those that are not there yet; durable on return. Raises Unavailable, KeyUnavailable."""
        ...


class Orphans:
    """The spools whose owner is gone, and what owners have ended. Any number of processes at once.

    `keys_lock`: of the key store.
    """

    def __init__(self, directory: Path, key_store: KeyStore, store: Store, keys_lock: Path) -> None:
        self._directory = directory
        self._key_store = key_store
        self._store = store
        self._keys_lock = keys_lock

    async def __call__(self) -> int:
        """Drain those without an owner, and destroy their keys; how many there were. Raises
        Unavailable, KeyUnavailable, OSError."""
        if not self._directory.is_dir():
            return 0
        buried = 0
        for spool_id in sorted(segments.spool_ids(self._directory)):
            async with self._held(spool_id) as held:
                if held:
                    await self.drain(spool_id)
                    await asyncio.to_thread(self._bury, spool_id)
                    buried += 1
        return buried

    async def drain(self, spool_id: str, but: str | None = None) -> None:
        """All segments of a spool but the one of this name, which is appended to. Raises as
        `__call__`."""
        for found, path in list(segments.segments(self._directory)):
            if found == spool_id and path.name != but:
                contents = await self.copy(spool_id, path)
                if contents is not None:
                    await asyncio.to_thread(self._remove, path, contents)

    async def copy(self, spool_id: str, path: Path) -> Contents | None:
        """Bring a segment's entries into the log, and leave it; None: it is gone. Raises as
        `__call__`."""
        contents = await asyncio.to_thread(self._read, spool_id, path)
        if contents is not None:
            for start in range(0, len(contents.kept), _BATCH):
                await self._store.add(contents.kept[start : start + _BATCH])
        return contents

    def _read(self, spool_id: str, path: Path) -> Contents | None:
        with durable.locked(self._directory / segments.LOCK):
            # Only a spool that is not buried has a key: asking for another's would make one.
            if not segments.owner_path(self._directory, spool_id).exists():
                return None
            key = self._key_store.job_key(spool_id, segments.PURPOSE)
        try:
            return segments.read(path, key)
        except FileNotFoundError:
            return None

    def _remove(self, path: Path, contents: Contents) -> None:
        with durable.locked(self._keys_lock):
            if contents.damaged:
                path.rename(path.with_name(path.name + segments.DAMAGED))
                log.error("access.segment_damaged", entries=len(contents.kept))
                return
            path.unlink(missing_ok=True)
        if contents.torn:
            # Its answer did not go out: that waits until the whole frame is written.
            log.warning("access.torn_tail", bytes=contents.torn)

    def _bury(self, spool_id: str) -> None:
        """Destroy the key; not where a damaged segment may still be looked into."""
        with durable.locked(self._directory / segments.LOCK):
            if not any(one.name.startswith(spool_id) for one in segments.damaged(self._directory)):
                self._key_store.destroy_job_key(spool_id, segments.PURPOSE)
            segments.owner_path(self._directory, spool_id).unlink()

    @asynccontextmanager
    async def _held(self, spool_id: str) -> AsyncIterator[bool]:
        """Whether the spool has no owner; it is ours then, until left."""
        descriptor = await asyncio.to_thread(self._try_to_hold, spool_id)
        try:
            # Whoever held it until now may have buried it.
            yield descriptor is not None and os.fstat(descriptor).st_nlink > 0
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _try_to_hold(self, spool_id: str) -> int | None:
        with durable.locked(self._directory / segments.LOCK):
            path = segments.owner_path(self._directory, spool_id)
            # Backups hold no locks: it may not be there.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            return descriptor


class ProcessSpool:
    """Implements `application.access_log.ports.Spool`, and drains what it takes, from `start` on
    until `close`, which drains a last time."""

    def __init__(
        self, directory: Path, key_store: KeyStore, orphans: Orphans, *, fsync: bool = False
    ) -> None:
        self._directory = directory
        self._key_store = key_store
        self._orphans = orphans
        self._fsync = fsync
        self._draining = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._failing = False
        self._own = self._begun()
        self._begun_at = monotonic()

    async def append(self, kept: Kept) -> None:
        await self._own.append(kept)

    def start(self) -> None:
        """Begin with what processes left that are gone."""
        self._task = asyncio.create_task(self._run(), name="access log")

    async def close(self) -> None:
        """What cannot be drained now is found by the next process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._own.close()
        await self._trying(self._orphans)

    async def drained(self) -> None:
        try:
            await self._drain(turning=True)
            for spool_id, path in list(segments.segments(self._directory)):
                if spool_id != self._own.spool_id:
                    await self._orphans.copy(spool_id, path)
        except OSError as error:
            raise Unavailable from error

    async def _run(self) -> None:
        await self._trying(self._orphans)
        while True:
            await asyncio.sleep(EVERY)
            if monotonic() - self._begun_at > RENEWED:
                await self._trying(self._renew)
            if self._own.current is not None or self._failing:
                # While the log is away there need not be a segment for each second.
                full = self._own.size > _SEGMENT_BYTES
                await self._trying(partial(self._drain, turning=full or not self._failing))

    async def _drain(self, *, turning: bool) -> None:
        async with self._draining:
            if turning:
                self._own.turn()
            await self._orphans.drain(self._own.spool_id, self._own.current)

    async def _renew(self) -> None:
        """The old one has no owner any more."""
        async with self._draining:
            fresh = await asyncio.to_thread(self._begun)
            old, self._own, self._begun_at = self._own, fresh, monotonic()
            await old.close()
        await self._orphans()

    async def _trying(self, act: Callable[[], Awaitable[object]]) -> None:
        try:
            await act()
        except Exception as error:  # noqa: BLE001 - it is logged, and tried again; health tells
            if not self._failing:
                log.warning("access.not_drained", error=type(error).__name__)
            self._failing = True
        else:
            if self._failing:
                log.info("access.drained_again")
            self._failing = False

    def _begun(self) -> OwnSpool:
        return OwnSpool(self._directory, self._key_store, fsync=self._fsync)
