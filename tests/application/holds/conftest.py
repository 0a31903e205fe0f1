from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from application.audit.acts import Acts
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.histories import Histories
from infrastructure.event_store.reader import Reader
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool, open_pool
from infrastructure.privacy.keyring import Keyring
from tests.application.holds.kit import Clock, World
from tests.infrastructure.event_store.kit import committing


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, "cell_0", min=1, max=4, name="holds")
    yield pool
    await pool.close()


@pytest.fixture
async def door(database_url: str, key_store: FileKeyStore) -> AsyncIterator[Committer]:
    async with committing(database_url, key_store) as committer:
        yield committer


@pytest.fixture
def world(door: Committer, pool: Pool, key_store: FileKeyStore) -> World:
    clock = Clock()
    acts = Acts(door, Histories(pool), clock, os.urandom, Keyring(key_store).warm)
    return World(acts, Reader(pool), clock)
