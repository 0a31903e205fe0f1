"""Files that somebody was given: read whole up to a bound, or line by line; and keys, which must
come from elsewhere."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from domain.ledger.faults import Malformed
from domain.ledger.notes import VerifierKey

MAX_EVENT_BYTES = 16 << 20
"""The longest event that is read; the API takes a 64th of it."""

_MAX_KEYS_BYTES = 1_000_000
_BUFFER_BYTES = 256 << 10
_TAIL_BYTES = 4 << 10

# Without O_NONBLOCK a named pipe would be waited for, before it could be told from a file.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_file(path: Path | str, limit: int, what: str | None = None) -> bytes:
    """All of a regular file of at most `limit` bytes. Raises Malformed, naming it as `what`."""
    name = what or str(path)
    with _opened(path, name) as raw, io.BufferedReader(raw) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Malformed(f"{name} has over {limit} bytes")
    return data


def read_exactly(path: str, length: int, name: str) -> bytes | None:
    """All of a file, which must be of this length; None where there is no file. In as few calls of
    the system as can be: there are two such files for 256 events. Raises Malformed."""
    try:
        raw = os.open(path, _FLAGS)
        try:
            data = os.read(raw, length + 1)
            while len(data) < length and (more := os.read(raw, length - len(data))):
                data += more
        finally:
            os.close(raw)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Malformed(f"{name} cannot be read: {error.strerror}") from None
    if len(data) != length:
        raise Malformed(f"{name} is not {length} bytes long")
    return data


@contextmanager
def _opened(path: Path | str, name: str) -> Iterator[io.FileIO]:
    try:
        with io.FileIO(path, opener=lambda name, _: os.open(name, _FLAGS)) as raw:
            if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
                raise Malformed(f"{name} is not a file")
            yield raw
    except FileNotFoundError:
        raise Malformed(f"{name} is not there") from None
    except OSError as error:
        raise Malformed(f"{name} cannot be read: {error.strerror}") from None


class Lines:
    """The lines of a file, with their line feeds, in constant memory."""

    def __init__(self, raw: io.FileIO, name: str) -> None:
        end = raw.seek(0, io.SEEK_END)
        raw.seek(max(0, end - 1))
        self.ended = raw.read(1) in {b"", b"\n"}
        """Whether the last line has a line feed, too."""
        raw.seek(0)
        self._file = io.BufferedReader(_Bounded(raw, name), _BUFFER_BYTES)

    def __iter__(self) -> Iterator[bytes]:
        """Raises Malformed for a line of over MAX_EVENT_BYTES."""
        return iter(self._file)


class _Bounded(io.RawIOBase):
    """A file that ends in an error where a line is too long: one could fill the memory."""

    def __init__(self, raw: io.FileIO, name: str) -> None:
        super().__init__()
        self._raw = raw
        self._name = name
        self._unended = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._raw.readinto(buffer) or 0
        if b"\n" in bytes(buffer[max(0, count - _TAIL_BYTES) : count]):
            self._unended = 0  # or little more
        else:
            last = bytes(buffer[:count]).rfind(b"\n")
            self._unended = count - last - 1 if last >= 0 else self._unended + count
        if self._unended > MAX_EVENT_BYTES:
            raise Malformed(f"{self._name} has a line of over {MAX_EVENT_BYTES} bytes")
        return count


@contextmanager
def lines_of(path: Path | str, name: str) -> Iterator[Lines]:
    """The lines of a file. Raises Malformed."""
    with _opened(path, name) as raw:
        yield Lines(raw, name)


def read_keys(value: str) -> list[VerifierKey]:
    """The verifier keys that a value gives: itself, or as `@FILE` or a path the lines of a file,
    of which empty ones and those that begin with # say nothing. Raises Malformed."""
    path = key_path(value)
    if path is None:
        return [VerifierKey.parse(value)]
    try:
        lines = read_file(path, _MAX_KEYS_BYTES).decode().splitlines()
    except UnicodeError:
        raise Malformed(f"{path} is not UTF-8") from None
    keys = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            try:
                keys.append(VerifierKey.parse(line.strip()))
            except Malformed as fault:
                raise Malformed(f"line {number} of {path}: {fault}") from None
    if not keys:
        raise Malformed(f"{path} holds no verifier key")
    return keys


def key_path(value: str) -> Path | None:
    """The file that a key is to be read from; None where the value is the key."""
    if value.startswith("@"):
        return Path(value[1:])
    try:
        VerifierKey.parse(value)
    except Malformed:
        path = Path(value)
        return path if os.path.lexists(path) else None
    return None


def check_apart(trusted: Path, data: Iterable[Path]) -> None:
    """That a file one goes by does not lie with what it is to verify: whoever wrote the one may
    have written the other. data: directories, below which it must not lie, and files, beside which
    it must not. Raises Malformed.
    """
    for one in data:
        for place in _ends(trusted):
            if one.is_dir():
                beside = any(place.is_relative_to(directory) for directory in _ends(one))
            else:
                beside = place.parent in {end.parent for end in _ends(one)}
            if beside:
                raise Malformed(
                    f"{trusted} lies with the data that it is to verify; take it from elsewhere"
                )


def _ends(path: Path) -> set[Path]:
    """Where it is, and of a link also where that is."""
    return {path.resolve(), Path(os.path.normpath(path.absolute()))}
