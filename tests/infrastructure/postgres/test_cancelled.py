"""Who is cancelled while waiting for a connection ends, at whichever moment that comes."""

from __future__ import annotations

import asyncio

import pytest

from infrastructure.postgres import connect
from infrastructure.postgres.connect import Pool

pytestmark = pytest.mark.anyio
STEPS = 12
"""Of the event loop, more than a connection takes from one hand to the next."""


@pytest.mark.parametrize("steps", range(STEPS))
async def test_whoever_is_cancelled_gets_no_connection(database_url: str, steps: int) -> None:
    pool = await connect.open_pool(database_url, "cell_0", min=1, max=1, name="narrow")
    try:
        held = await pool.getconn()
        waiting = asyncio.create_task(_hold(pool))
        while not pool.get_stats().get("requests_waiting"):  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0)
        await pool.putconn(held)
        for _ in range(steps):
            await asyncio.sleep(0)
        waiting.cancel()
        done, _ = await asyncio.wait([waiting], timeout=5)
        assert done, "it goes on"
        assert waiting.cancelled()
        await pool.putconn(await pool.getconn(timeout=5))
    finally:
        await pool.close()


async def _hold(pool: Pool) -> None:
    async with pool.connection():
        await asyncio.sleep(60)
