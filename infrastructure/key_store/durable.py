"""Small secret files that are whole or not there, through kills and power cuts.

A file is content, then the SHA-256 of the content (32 bytes). It is never changed in place: the new
one is written beside as `<name>.new`, flushed, and renamed over the old. Writers hold `locked`, so
that a `.new` is always a leftover of a killed writer; the next write or removal takes it away.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import KeyUnavailable

Stamp = tuple[int, int, int]
"""Tells one version of a file from the next: inode, time of change in ns, size."""

_HASH_BYTES = 32


def stamp(path: Path) -> Stamp | None:
    """The stamp of the file that is there now; None when there is none."""
    with _faults():
        try:
            return _stamp_of(path.stat())
        except FileNotFoundError:
            return None


def read(path: Path) -> bytes | None:
    """The content; None when there is no file. Raises KeyUnavailable when it is damaged."""
    with _faults():
        while True:
            try:
                with path.open("rb") as file:
                    opened = _stamp_of(os.fstat(file.fileno()))
                    whole = file.read()
            except FileNotFoundError:
                return None
            content, digest = whole[:-_HASH_BYTES], whole[-_HASH_BYTES:]
            if hashlib.sha256(content).digest() == digest:
                return content
            if stamp(path) == opened:
                raise KeyUnavailable("a key file is damaged: restore the key store from its backup")
            # It was replaced, and wiped, between opening and reading.


def write(path: Path, content: bytes, *, wipe: bool = False) -> None:
    """Replace the file; durable on return. `wipe` overwrites what it replaces as well."""
    fresh = path.with_name(path.name + ".new")
    with _faults():
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content + hashlib.sha256(content).digest())
            file.flush()
            os.fsync(file.fileno())
        old = _open_to_wipe(path) if wipe else None
        fresh.rename(path)
        flush_directory(path.parent)
        if old is not None:
            _wipe(old)


def remove(path: Path) -> None:
    """Overwrite and remove the file and what a killed writer left of it; durable on return."""
    with _faults():
        for one in (path, path.with_name(path.name + ".new")):
            descriptor = _open_to_wipe(one)
            if descriptor is not None:
                one.unlink()
                _wipe(descriptor)
        flush_directory(path.parent)


def flush_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock against other threads and processes; a killed holder's lock falls at once."""
    with _faults():
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _stamp_of(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _open_to_wipe(path: Path) -> int | None:
    try:
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _wipe(descriptor: int) -> None:
    """Overwrite a file that has no name any more. Media that remap blocks keep older copies; on
    those, only encryption of the disk below makes a key truly unreadable."""
    try:
        os.pwrite(descriptor, b"\0" * os.fstat(descriptor).st_size, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _faults() -> Iterator[None]:
    """The medium's faults as the domain's word for them, without the path."""
    try:
        yield
    except OSError as error:
        raise KeyUnavailable(f"the key store does not answer: {error.strerror}") from error
