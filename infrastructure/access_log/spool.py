"""What is shown of personal data is noted here first: one write to a file of this process.

Once write(2) has returned the page cache has the entry, and no end of this process loses it; a
power cut may lose the last moments, unless each answer waits for a flush (`fsync`).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path
from time import monotonic
from uuid import uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.access_log.ports import NotLogged
from application.ports import KeyStore
from domain.access.log import Noted
from infrastructure.access_log.segments import (
    ENDED,
    LOCK,
    PURPOSE,
    WRITABLE,
    frame,
    owner_path,
    segment_path,
)
from infrastructure.key_store import durable


class OwnSpool:
    """A process's own. `append` and `turn` are for one event loop; no other thread.

    Segments are begun when something is appended, so that none is empty. One that is ended may be
    drained by whoever comes first.
    """

    def __init__(self, directory: Path, key_store: KeyStore, *, fsync: bool = False) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        self.spool_id = uuid4().hex
        self._directory = directory
        self._fsync = fsync
        with durable.locked(directory / LOCK):
            self._owner = _lock(owner_path(directory, self.spool_id))
        self._cipher = AESGCM(key_store.job_key(self.spool_id, PURPOSE))
        self._number = self._tries = 0
        self._segment: _Segment | None = None
        self._ended: dict[Path, float] = {}
        self._unflushed: list[_Segment] = []
        self._appended = self._flushed = 0
        self._flushing = asyncio.Lock()

    @property
    def current(self) -> str | None:
        """The name of the segment that is appended to; None: the next entry begins one."""
        return self._segment.name if self._segment is not None else None

    @property
    def size(self) -> int:
        """Bytes of the segment that is appended to."""
        return self._segment.size if self._segment is not None else 0

    def undrained(self) -> list[float]:
        """For each ended segment that is still there, the seconds since it was ended; the longest
        first."""
        now = monotonic()
        self._ended = {path: at for path, at in self._ended.items() if path.exists()}
        return [now - at for at in self._ended.values()]

    async def append(self, noted: Noted) -> None:
        """See `application.access_log.ports.Spool`."""
        self._write(noted)
        if self._fsync:
            await self._flush()

    def turn(self) -> None:
        """End the segment that is appended to; what comes goes into a new one. Raises OSError."""
        segment, self._segment = self._segment, None
        if segment is not None:
            self._ended[segment.path] = monotonic()
            try:
                segment.end()
            finally:
                if not self._fsync:
                    segment.close()

    async def close(self) -> None:
        """Give it up; what it holds is drained by whoever finds it without an owner. Nothing may be
        appended any more."""
        await self._flush()
        self.turn()
        for segment in self._unflushed:
            segment.close()
        os.close(self._owner)

    def _write(self, noted: Noted) -> None:
        self._tries += 1
        try:
            segment = self._segment or self._begin()
            data = frame(self._cipher, segment.number, segment.frames, self._tries, noted)
            written = os.write(segment.descriptor, data)
            if written != len(data):
                # A torn tail: nothing may stand behind it.
                self.turn()
                raise NotLogged
        except OSError as error:
            raise NotLogged from error
        segment.frames += 1
        segment.size += written
        self._appended += 1

    def _begin(self) -> _Segment:
        self._number += 1
        path = segment_path(self._directory, self.spool_id, self._number)
        segment = _Segment(path, self._number)
        self._segment = segment
        if self._fsync:
            self._unflushed.append(segment)
        return segment

    async def _flush(self) -> None:
        """Until all that is appended now is flushed; whoever comes while a flush is under way waits
        for the next, together."""
        wanted = self._appended
        async with self._flushing:
            if self._flushed >= wanted:
                return
            reached, segments = self._appended, list(self._unflushed)
            # One that is ended while it is flushed may have got more before: it stays for the next.
            whole = [segment for segment in segments if segment.ended]
            try:
                await asyncio.to_thread(_flush, self._directory, segments)
            except OSError as error:
                raise NotLogged from error
            self._flushed = reached
            for segment in whole:
                self._unflushed.remove(segment)
                segment.close()


class _Segment:
    """An open file that is only appended to. new: its name is not flushed."""

    def __init__(self, path: Path, number: int) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self.descriptor = os.open(path, flags, WRITABLE)
        self.path, self.name, self.number = path, path.name, number
        self.frames = self.size = 0
        self.ended = False
        self.new = True

    def end(self) -> None:
        """Nothing is appended any more, which the file's mode tells everybody."""
        self.ended = True
        os.fchmod(self.descriptor, ENDED)

    def close(self) -> None:
        os.close(self.descriptor)


def _flush(directory: Path, segments: list[_Segment]) -> None:
    for segment in segments:
        os.fdatasync(segment.descriptor)
    if any(segment.new for segment in segments):
        durable.flush_directory(directory)
        for segment in segments:
            segment.new = False


def _lock(path: Path) -> int:
    """A descriptor that holds the lock file, made; it falls with the process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor
