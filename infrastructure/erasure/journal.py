"""What was erased, written down apart from the database: so that a backup from before, once it is
restored, is erased again.

`<data directory>/erased/<tenant>.journal`, which no backup holds and no restore removes. A line is
JSON: an entry, before its deletion is committed; and `{"done": id}`, after. So an entry that says
it is done and that the database knows nothing of was done in a database that has been replaced. It
names orders, actors, digests and the numbers of rejected lines, no values. Appended under a lock,
flushed; a line without its end is what a killed writer left.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from application.erasure.ports import Entry, LinesGone
from infrastructure.key_store import durable

DIRECTORY = "erased"
_ENDING = ".journal"
LEFT = ".left"
"""Ends the name of the file that says of a tenant that it has left (infrastructure/tenancy)."""


class _Line(Struct, omit_defaults=True):
    entry: Entry | None = None
    lines: LinesGone | None = None
    done: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode


class FileJournal:
    """Implements `application.erasure.ports.Journal` in a data directory. Any number of processes
    at once. Raises KeyUnavailable, as the key store does, while the medium does not answer."""

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir / DIRECTORY

    async def begin(self, tenant_id: str, entries: Sequence[Entry]) -> None:
        await self._append(tenant_id, [_Line(entry=one) for one in entries])

    async def begin_lines(self, tenant_id: str, gone: LinesGone) -> None:
        await self._append(tenant_id, [_Line(lines=gone)])

    async def done(self, tenant_id: str, entry_ids: Sequence[str]) -> None:
        await self._append(tenant_id, [_Line(done=one) for one in entry_ids])

    def tenants(self) -> list[str]:
        if not self._directory.is_dir():
            return []
        of = (one.name.removesuffix(_ENDING) for one in self._directory.glob(f"*{_ENDING}"))
        # Of who has left all is gone: nothing is to be erased again, and no key is there for it.
        return sorted(one for one in of if not (self._directory / f"{one}{LEFT}").exists())

    def entries(self, tenant_id: str) -> Sequence[tuple[Entry, bool]]:
        said, done = self._read(tenant_id)
        entries = [line.entry for line in said if line.entry is not None]
        return [(one, one.entry_id in done) for one in entries]

    def lines(self, tenant_id: str) -> Sequence[tuple[LinesGone, bool]]:
        said, done = self._read(tenant_id)
        gone = [line.lines for line in said if line.lines is not None]
        return [(one, one.entry_id in done) for one in gone]

    def _read(self, tenant_id: str) -> tuple[list[_Line], set[str | None]]:
        path = self._path(tenant_id)
        if not path.exists():
            return [], set()
        *whole, _torn = path.read_bytes().split(b"\n")
        lines = [_decode(raw) for raw in whole]
        return lines, {line.done for line in lines}

    async def _append(self, tenant_id: str, lines: Sequence[_Line]) -> None:
        # A flush takes milliseconds, in which the worker has other things to do.
        await asyncio.to_thread(self._write, tenant_id, b"".join(map(_written, lines)))

    def _write(self, tenant_id: str, lines: bytes) -> None:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        with durable.locked(self._directory / ".lock"):
            path = self._path(tenant_id)
            new = not path.exists()
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                content_end = _end_of_lines(file.seek(0, os.SEEK_END), path)
                file.truncate(content_end)
                file.seek(content_end)
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            if new:
                durable.flush_directory(self._directory)

    def _path(self, tenant_id: str) -> Path:
        return self._directory / f"{tenant_id}{_ENDING}"


def _written(line: _Line) -> bytes:
    return _encode(line) + b"\n"


def _end_of_lines(size: int, path: Path) -> int:
    """Where the last whole line ends."""
    if size == 0:
        return 0
    with path.open("rb") as file:
        start = max(0, size - 1)
        file.seek(start)
        if file.read(1) == b"\n":
            return size
        file.seek(0)
        return file.read().rfind(b"\n") + 1
