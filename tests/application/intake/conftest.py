from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from infrastructure.event_store.appending import Appending
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.statements import COMMITTER_SETTINGS
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool, connect_one, open_pool
from infrastructure.postgres.wire import Wire
from infrastructure.privacy.keyring import Keyring
from tests.application.intake.kit import Clock, Intake


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, "cell_0", min=1, max=6, name="test intake")
    yield pool
    await pool.close()


@pytest.fixture
async def committer(database_url: str, key_store: FileKeyStore) -> AsyncIterator[Committer]:
    async def connect() -> Any:
        return Wire(
            await connect_one(
                database_url, "cell_0", name="test committer", settings=COMMITTER_SETTINGS
            )
        )

    committer = Committer(connect, Appending(Keyring(key_store), Clock()))
    await committer.start()
    yield committer
    await committer.close()


@pytest.fixture
async def intake(
    database_url: str, pool: Pool, committer: Committer, key_store: FileKeyStore
) -> Intake:
    async def connect() -> Any:
        return await connect_one(database_url, "cell_0", name="test lifeline")

    return Intake(pool, committer, key_store, connect)
