from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.long.harness import Installation


@pytest.fixture
def data_dir(open_dir: Path, request: pytest.FixtureRequest) -> Path:
    """A fresh data directory that the database's user may reach."""
    path = open_dir / str(request.node.name)[:40]
    path.mkdir(mode=0o711)
    return path


@pytest.fixture
def installation(data_dir: Path) -> Iterator[Installation]:
    made = Installation(data_dir)
    yield made
    made.program.kill()
    with EmbeddedPostgres(data_dir):  # its last user: leaving stops it
        pass
