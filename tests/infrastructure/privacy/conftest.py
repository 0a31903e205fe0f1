from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from infrastructure.postgres.connect import Pool, address, open_pool
from tests.infrastructure.event_store.kit import Ledger


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    target = address(database_url, "cell_0", name="test superuser", as_owner=True)
    with psycopg.connect(target, autocommit=True) as connection:
        yield Ledger(connection)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, "cell_0", min=1, max=4, name="test readers")
    yield pool
    await pool.close()
