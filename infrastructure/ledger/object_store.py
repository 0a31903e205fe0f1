"""Write-once storage in a directory: the default behind `application.ledger.ports.ObjectStore`.

An object appears whole, under its name, and is never replaced: it is written beside, flushed, and
linked to its name, which fails where something is there already. The files are read-only.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from domain.errors import Conflict, Unavailable
from infrastructure.key_store.durable import flush_directory

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_AT_ONCE = 16
"""Objects of one `put` that are written at once: the disk flushes several in the time of one."""


class DirectoryStore:
    """Any number of processes at once. A key is path segments of letters, digits, `.`, `_`, `-`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        return str(self._root)

    async def put(self, objects: Mapping[str, bytes]) -> None:
        await asyncio.to_thread(self._put, objects)

    async def get(self, key: str) -> bytes | None:
        with _faults():
            return await asyncio.to_thread(_read, self._path(key))

    async def largest(self, prefix: str) -> int | None:
        with _faults():
            return await asyncio.to_thread(_largest, self._path(prefix))

    def _put(self, objects: Mapping[str, bytes]) -> None:
        paths = {key: self._path(key) for key in objects}
        directories = {path.parent for path in paths.values()}
        with _faults(), ThreadPoolExecutor(min(_AT_ONCE, len(objects) or 1)) as several:
            list(several.map(_make_directory, directories))
            stored = list(several.map(_put_once, paths.values(), objects.values()))
            # Also where nothing is new: who put it there may have been killed before the flush.
            list(several.map(flush_directory, directories))
            there = [key for key, fresh in zip(objects, stored, strict=True) if not fresh]
            for key in there:
                if _read(paths[key]) != objects[key]:
                    raise Conflict(f"{key} is published already, with other content")

    def _path(self, key: str) -> Path:
        if _KEY.fullmatch(key) is None:
            raise ValueError(f"{key!r} is not a key")
        return self._root / key


def _put_once(path: Path, content: bytes) -> bool:
    """Whether it was stored; False when something is there."""
    if path.exists():
        return False
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with fresh.open("wb") as file:
            os.fchmod(file.fileno(), 0o444)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(fresh)
    except FileExistsError:
        return False
    finally:
        fresh.unlink(missing_ok=True)
    return True


def _make_directory(directory: Path) -> None:
    if directory.is_dir():
        return
    _make_directory(directory.parent)
    directory.mkdir(exist_ok=True)
    flush_directory(directory.parent)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _largest(directory: Path) -> int | None:
    try:
        with os.scandir(directory) as entries:
            numbers = (int(one.name) for one in entries if _NUMBER.fullmatch(one.name))
            return max(numbers, default=None)
    except FileNotFoundError:
        return None


@contextmanager
def _faults() -> Iterator[None]:
    """The medium's faults, without the path."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"published checkpoints cannot be kept: {error.strerror}") from error
