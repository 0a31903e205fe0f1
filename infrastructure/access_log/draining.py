"""From the spools of processes into the log: what their owners have ended, and what those left who
are gone.

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
from pathlib import Path
from typing import Protocol

import structlog

from application.ports import KeyStore
from domain.access.log import Kept
from infrastructure.access_log import segments
from infrastructure.access_log.segments import Contents
from infrastructure.key_store import durable

EVERY = 1.0
"""Seconds between two drains of what owners have ended."""

_BATCH = 500
log = structlog.get_logger(__name__)


class Store(Protocol):
    """Where entries come to."""

    async def add(self, kept: Sequence[Kept]) -> None:
        """Those that are not there yet; durable on return. Raises Unavailable, KeyUnavailable."""
        ...


class Trying:
    """Does what is done again and again, and logs when it begins to fail and when it is over."""

    def __init__(self) -> None:
        self._failing = False

    async def __call__(self, act: Callable[[], Awaitable[object]]) -> None:
        """Never raises: its next turn comes."""
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


class Drains:
    """Brings what is in the spools of a directory into the log. Any number of processes at once,
    also with one segment: an entry comes into the log once, and whoever is first removes the file.

    `keys_lock`: of the key store.
    """

    def __init__(self, directory: Path, key_store: KeyStore, store: Store, keys_lock: Path) -> None:
        self._directory = directory
        self._key_store = key_store
        self._store = store
        self._keys_lock = keys_lock

    async def run(self) -> None:
        """Drain what owners have ended each second, until cancelled."""
        trying = Trying()
        while True:
            await trying(self.ended)
            await asyncio.sleep(EVERY)

    async def ended(self) -> None:
        """All segments to which nothing is appended any more, of living owners. Raises as
        `orphans`."""
        if self._directory.is_dir():
            for spool_id, path in list(segments.segments(self._directory)):
                if segments.is_ended(path):
                    await self._drain(spool_id, path)

    async def orphans(self) -> int:
        """The spools without an owner, whose keys are destroyed; how many there were. Raises
        Unavailable, KeyUnavailable, OSError."""
        if not self._directory.is_dir():
            return 0
        buried = 0
        for spool_id in sorted(segments.spool_ids(self._directory)):
            async with self._held(spool_id) as held:
                if held:
                    await self.spool(spool_id)
                    await asyncio.to_thread(self._bury, spool_id)
                    buried += 1
        return buried

    async def spool(self, spool_id: str, but: str | None = None) -> None:
        """All segments of a spool but the one of this name, which is appended to. Raises as
        `orphans`."""
        for found, path in list(segments.segments(self._directory)):
            if found == spool_id and path.name != but:
                await self._drain(spool_id, path)

    async def _drain(self, spool_id: str, path: Path) -> None:
        contents = await self.copy(spool_id, path)
        if contents is not None:
            await asyncio.to_thread(self._remove, path, contents)

    async def copy(self, spool_id: str, path: Path) -> Contents | None:
        """Bring a segment's entries into the log, and leave it; None: it is gone. Raises as
        `orphans`."""
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
            if not path.exists():  # another drain was first
                return
            if contents.damaged:
                path.rename(path.with_name(path.name + segments.DAMAGED))
                log.error("access.segment_damaged", entries=len(contents.kept))
                return
            path.unlink()
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
