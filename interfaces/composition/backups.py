"""Backing up and restoring: database and keys together."""

from __future__ import annotations

from pathlib import Path

from infrastructure.postgres.backup import backup, restore
from interfaces.settings import Settings


def back_up(settings: Settings, directory: Path) -> None:
    """Raises BackupRefused, in one line."""
    backup(settings.database_url, settings.data_dir, directory)


def bring_back(settings: Settings, directory: Path) -> None:
    """Into an empty database and a data directory without keys. Raises BackupRefused."""
    restore(directory, settings.database_url, settings.data_dir)
