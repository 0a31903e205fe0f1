from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.postgres.embedded import EmbeddedPostgres
from interfaces.settings import Settings
from tests.long.harness import Installation


@pytest.fixture
def data_dir(open_dir: Path, request: pytest.FixtureRequest) -> Path:
    """A fresh data directory that the database's user may reach."""
    path = open_dir / str(request.node.name)[:40]
    path.mkdir(mode=0o711)
    return path


@pytest.fixture(scope="module")
def own_settings(database_url: str, open_dir: Path, request: pytest.FixtureRequest) -> Settings:
    """Of a service in the tests' own process: a fresh database, and a data directory beside it."""
    data_dir = open_dir / request.module.__name__.rpartition(".")[2]
    data_dir.mkdir(mode=0o711)
    return Settings(database_url, data_dir)


@pytest.fixture
def installation(data_dir: Path) -> Iterator[Installation]:
    made = Installation(data_dir)
    yield made
    made.program.kill()
    with EmbeddedPostgres(data_dir):  # its last user: leaving stops it
        pass
