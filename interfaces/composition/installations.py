"""What is in a data directory, and whether it belongs to its database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

from application.ports import KeyStore
from domain.errors import KeyUnavailable, OrderHistoryError
from infrastructure.event_store.keys import has_events, lacks_keys
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import store_errors
from infrastructure.postgres.embedded import has_cluster
from infrastructure.tenancy.leavings import FileLeavings
from interfaces.composition.connections import connecting
from interfaces.settings import Settings

_SIGNS = ("issuer.json", "keys", "postgres.lock")
"""What the first start leaves in a data directory before anything else; one of them is enough."""


class NoInstallation(OrderHistoryError):
    """The data directory holds no installation."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(
            f"no installation in {data_dir}: name another with --data-dir, or make one there with "
            "`order-history serve`"
        )


class WrongKeyStore(OrderHistoryError):
    """The key store lacks keys that the database names."""

    def __init__(self, data_dir: Path | None = None) -> None:
        """`data_dir` for whoever may see paths."""
        said = (
            f"{data_dir} does not hold the keys that the database names: name the data directory "
            "that belongs to this database, or restore its keys from a backup"
        )
        super().__init__(said if data_dir else None)


def require_installation(data_dir: Path) -> None:
    """Raises NoInstallation for a directory that no start has made its own, or that is missing."""
    if not any((data_dir / sign).exists() for sign in _SIGNS):
        raise NoInstallation(data_dir)


def require_database(data_dir: Path) -> None:
    """Raises NoInstallation for a directory without an embedded database."""
    if not has_cluster(data_dir):
        raise NoInstallation(data_dir)


def key_directory(data_dir: Path) -> Path:
    """Where the key store lies."""
    return data_dir / "keys"


async def require_keys(settings: Settings) -> None:
    """Nothing may be recorded beside another database's key store: its personal values would be
    encrypted under keys that the right one lacks.

    Raises WrongKeyStore, naming the directory; Unavailable when the database is away. A damaged
    key file is no other key store: what needs it fails when it is asked for.
    """
    with store_errors():
        connection = await connecting(settings, "keys")()
        async with connection:
            try:
                belongs = await keys_belong(connection, settings.data_dir)
            except KeyUnavailable:
                return
    if not belongs:
        raise WrongKeyStore(settings.data_dir)


async def keys_belong(
    connection: AsyncConnection[Any], data_dir: Path, key_store: KeyStore | None = None
) -> bool:
    """Whether the key store of a data directory is that of the database. It is made by the first
    process that records, so that only an empty database can be without.

    `key_store`: that of the directory, where it is open already.
    Raises KeyUnavailable when it cannot be told.
    """
    directory = key_directory(data_dir)
    if not directory.is_dir():
        return not await has_events(connection)
    left = FileLeavings(data_dir).tenants()
    return not await lacks_keys(connection, key_store or FileKeyStore(directory), left)
