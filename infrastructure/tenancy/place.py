"""The directory of an export."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from application.tenancy.exporting import MANIFEST
from infrastructure.key_store import durable
from infrastructure.ledger.bundles import BundleDirectory, new_bundle, refuse_what_is_there

CERTIFICATE = "certificate.txt"


class ExportDirectory:
    """Implements `application.tenancy.ports.ExportPlace`. Its files are for their owner alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def manifest(self) -> bytes | None:
        try:
            return (self._directory / MANIFEST).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def check_new(self) -> None:
        """Raises ExportRefused for a directory that is neither new nor empty."""
        refuse_what_is_there(self._directory)

    @contextmanager
    def new(self) -> Iterator[BundleDirectory]:
        """Raises ExportRefused for a directory that is neither new nor empty."""
        with new_bundle(self._directory, kept=True) as bundle:
            yield bundle

    def digest(self, path: str) -> str | None:
        try:
            with (self._directory / path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def certify(self, note: str) -> str:
        path = self._directory / CERTIFICATE
        fresh = path.with_name(f"{CERTIFICATE}.new")
        with fresh.open("w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
        durable.flush_directory(self._directory)
        return str(path)
