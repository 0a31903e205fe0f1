"""Backing up and restoring: database and keys together."""

from __future__ import annotations

import asyncio
from pathlib import Path

from infrastructure.postgres.backup import backup, read_manifest, restore
from interfaces.composition.installations import require_installation, require_keys
from interfaces.settings import Settings


def back_up(settings: Settings, directory: Path) -> None:
    """A backup without the keys of its database would open no personal value.

    Raises BackupRefused, NoInstallation or WrongKeyStore, in one line.
    """
    require_installation(settings.data_dir)
    asyncio.run(require_keys(settings))
    backup(settings.database_url, settings.data_dir, directory)


def refuse_incomplete(directory: Path) -> None:
    """Before a database is started for it. Raises BackupRefused."""
    read_manifest(directory)


def bring_back(settings: Settings, directory: Path) -> None:
    """Into an empty database and a data directory without keys. Raises BackupRefused."""
    restore(directory, settings.database_url, settings.data_dir)
