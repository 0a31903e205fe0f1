"""What all tests share: one embedded PostgreSQL a test process, one fresh database a module."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.embedded import DATABASE, EmbeddedPostgres
from infrastructure.postgres.migrate import upgrade

# A busy machine must not fail a property: how long an example takes is not what is tested.
settings.register_profile(
    "busy", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("busy")

_numbers = count(1)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def key_store(tmp_path: Path) -> FileKeyStore:
    return FileKeyStore(tmp_path / "keys")


@pytest.fixture(scope="session")
def open_dir() -> Iterator[Path]:
    """A directory that the database's user may pass through, as pytest's own may not be."""
    path = Path(tempfile.mkdtemp(prefix="order-history-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(open_dir: Path) -> Iterator[EmbeddedPostgres]:
    """A server of this test process's own; its database `order_history` is migrated once."""
    with EmbeddedPostgres(open_dir / "shared") as server:
        upgrade(server.url())
        yield server


@pytest.fixture(scope="module")
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The owner's URL of a fresh, migrated database with the cell `cell_0`."""
    with _database(postgres, f"template {DATABASE} strategy wal_log") as url:
        yield url


@pytest.fixture
def empty_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The owner's URL of a fresh database with nothing in it."""
    with _database(postgres) as url:
        yield url


@contextmanager
def _database(server: EmbeddedPostgres, made: str = "") -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} {made}".encode())
        yield server.url(name)
        connection.execute(f"drop database {name} with (force)".encode())
