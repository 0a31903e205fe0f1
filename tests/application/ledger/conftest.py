from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.application.ledger.bundling import STATES, write_bundle


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bundles") / "original"
    write_bundle(directory, STATES)
    return directory


@pytest.fixture
def bundle(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "bundle"))
