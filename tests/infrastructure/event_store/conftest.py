from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from infrastructure.event_store.committer import Committer
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool, address, open_pool
from tests.infrastructure.event_store.kit import Ledger, committing
from tests.infrastructure.event_store.trees import EVENTS, Tampered


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    target = address(database_url, "cell_0", name="test superuser", as_owner=True)
    with psycopg.connect(target, autocommit=True) as connection:
        yield Ledger(connection)


@pytest.fixture
async def committer(database_url: str, key_store: FileKeyStore) -> AsyncIterator[Committer]:
    async with committing(database_url, key_store) as committer:
        yield committer


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, "cell_0", min=1, max=4, name="test readers")
    yield pool
    await pool.close()


@pytest.fixture
def tree(database_url: str, ledger: Ledger, key_store: FileKeyStore) -> Tampered:
    made = Tampered(ledger, database_url, key_store)
    made.record(EVENTS)
    made.store_tiles()
    made.sign()
    return made
