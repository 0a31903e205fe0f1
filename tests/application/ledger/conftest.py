from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.application.ledger.bundling import STATES, write_bundle
from tests.application.ledger.world import LedgerWorld, personal
from tests.domain.ledger.drafts import draft


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bundles") / "original"
    write_bundle(directory, STATES)
    return directory


@pytest.fixture
def bundle(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "bundle"))


@pytest.fixture
def world(tmp_path: Path) -> LedgerWorld:
    """Four events of one tenant, the second with personal values; and another tenant."""
    world = LedgerWorld(tmp_path / "signing")
    world.add(draft("e1"), personal("e2", note="fragile"), draft("e3"), draft("e4"))
    world.add(draft("e1", tenant_id="umbrella"))
    world.sign()
    return world
