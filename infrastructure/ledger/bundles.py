"""A new directory, whole or not there: written beside its place, and renamed when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from domain.errors import OrderHistoryError
from infrastructure.key_store import durable

_INCOMPLETE = ".incomplete"


class ExportRefused(OrderHistoryError):
    """The bundle cannot be written there."""


class BundleDirectory:
    """Implements `application.ledger.exporting.Bundle` below a directory that is there."""

    def __init__(self, directory: Path, files: ExitStack) -> None:
        self._directory = directory
        self._files = files
        self._open: dict[str, BinaryIO] = {}
        self._made: set[Path] = set()
        self.count = 0
        """Files that it has."""

    def add(self, path: str, content: bytes) -> None:
        with self._place(path).open("xb") as file:
            file.write(content)

    def append(self, path: str, content: bytes) -> None:
        file = self._open.get(path)
        if file is None:
            file = self._files.enter_context(self._place(path).open("xb"))
            self._open[path] = file
        file.write(content)

    def _place(self, path: str) -> Path:
        place = self._directory / path
        if place.parent not in self._made:
            place.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(place.parent)
        self.count += 1
        return place


@contextmanager
def new_bundle(directory: Path, *, kept: bool = False) -> Iterator[BundleDirectory]:
    """A bundle to be written, which is at `directory` after the block, or not at all. kept: it is
    for its owner's eyes alone, and flushed when it is there.

    Raises ExportRefused for a directory that is not empty, is a mount point or no directory.
    """
    target = directory.resolve()
    refuse_what_is_there(directory)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f"{target.name}.{os.getpid()}{_INCOMPLETE}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(0o700 if kept else 0o777)
    try:
        with ExitStack() as files:
            bundle = BundleDirectory(fresh, files)
            yield bundle
        refuse_what_is_there(directory)  # it may have come meanwhile
        if kept:
            _flush(fresh)
        fresh.rename(target)
        if kept:
            durable.flush_directory(target.parent)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _flush(directory: Path) -> None:
    for one in directory.iterdir():
        if one.is_dir():
            _flush(one)
            continue
        with one.open("rb") as file:
            os.fsync(file.fileno())
    durable.flush_directory(directory)


def refuse_what_is_there(directory: Path) -> None:
    """Raises ExportRefused for a directory that is not empty, is a mount point or no directory."""
    target = directory.resolve()
    if target.exists() and not target.is_dir():
        raise ExportRefused(f"{directory} is no directory; name a new or empty one")
    if target.is_dir() and any(target.iterdir()):
        raise ExportRefused(f"{directory} is not empty; an export goes into a new or empty one")
    if target.is_mount():
        raise ExportRefused(f"{directory} is a mount point; name a directory in it")
