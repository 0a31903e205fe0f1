from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import open_pool
from tests.application.orders.world import World
from tests.infrastructure.event_store.kit import committing


@pytest.fixture(scope="module")
def world(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    keys = FileKeyStore(Path(tmp_path_factory.mktemp("keys")))
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(database_url, "cell_0", min=1, max=4, name="test readers"))
        door = committing(database_url, keys)
        committer = runner.run(door.__aenter__())
        made = World(database_url, committer, pool, keys)
        made.run = runner.run
        yield made
        made.ledger.close()
        runner.run(door.__aexit__(None, None, None))
        runner.run(pool.close())
