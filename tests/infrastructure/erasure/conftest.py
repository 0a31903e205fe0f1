from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from infrastructure.postgres.connect import Pool, open_pool


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, "cell_0", min=1, max=4, name="test erasure")
    yield pool
    await pool.close()
