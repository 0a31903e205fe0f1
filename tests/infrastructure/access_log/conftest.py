from __future__ import annotations

from pathlib import Path

import pytest

from infrastructure.access_log.draining import Drains
from infrastructure.key_store.files import FileKeyStore
from tests.infrastructure.access_log.entries import Collected


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "access"


@pytest.fixture
def collected() -> Collected:
    return Collected()


@pytest.fixture
def drains(
    directory: Path, key_store: FileKeyStore, collected: Collected, tmp_path: Path
) -> Drains:
    return Drains(directory, key_store, collected, tmp_path / "keys" / ".lock")
