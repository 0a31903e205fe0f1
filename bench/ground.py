"""What benchmarks stand on: a PostgreSQL of their own, and a fresh installation for each round."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from infrastructure.postgres.embedded import DATABASE, EmbeddedPostgres
from infrastructure.postgres.migrate import upgrade
from interfaces.composition.serving import issuer
from interfaces.settings import Settings

TENANT = "bench"


class Ground:
    """One server; `installation()` gives a fresh database and data directory each time."""

    def __init__(self, server: EmbeddedPostgres, root: Path) -> None:
        self._server = server
        self._root = root
        self._numbers = count(1)

    @contextmanager
    def installation(self) -> Iterator[Settings]:
        """A fresh one, gone afterwards."""
        name = f"bench_{next(self._numbers)}"
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as connection:
            connection.execute(
                f"create database {name} template {DATABASE} strategy wal_log".encode()
            )
            yield Settings(self._server.url(name), self._root / name)
            connection.execute(f"drop database {name} with (force)".encode())
            connection.execute("checkpoint")  # in nobody's measured time
        shutil.rmtree(self._root / name, ignore_errors=True)


@contextmanager
def ground(directory: Path) -> Iterator[Ground]:
    """In a temporary directory below `directory`; everything is gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="order-history-bench-", dir=directory))
    root.chmod(0o711)  # the database's user passes through
    try:
        with EmbeddedPostgres(root / "server") as server:
            upgrade(server.url())
            yield Ground(server, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def token(settings: Settings, role: str) -> str:
    """An Authorization header's value for the benchmarks' tenant."""
    return token_of(settings.data_dir, TENANT, role)


def token_of(data_dir: Path, tenant: str, role: str) -> str:
    """The same for any tenant of an installation."""
    return "Bearer " + issuer(data_dir).mint("bench", [tenant], [role], 3600)


def environment(settings: Settings) -> dict[str, str]:
    """What tells the program's processes which installation is meant."""
    return {
        "ORDER_HISTORY_DATABASE_URL": settings.database_url,
        "ORDER_HISTORY_DATA_DIR": str(settings.data_dir),
    }
