from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from application.watching.figures import ScheduleRun
from domain.errors import Unavailable
from infrastructure.postgres.connect import Pool, open_pool
from infrastructure.watching.schedules import ScheduleRuns
from interfaces.composition.working import _schedule

pytestmark = pytest.mark.anyio

NOW_US = 7_000_000


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, "cell_0", min=1, max=1, name="test schedules")
    yield pool
    await pool.close()


@pytest.mark.parametrize(("failure", "told"), [(None, None), (Unavailable(), "Unavailable")])
async def test_a_sweep_is_noted_where_health_looks(
    pool: Pool, failure: Exception | None, told: str | None
) -> None:
    async def sweep() -> int:
        if failure is not None:
            raise failure
        return 0

    runs = ScheduleRuns(pool, lambda: NOW_US)
    minutely = {"traces": (1, sweep), "access": (1, sweep), "holds": (1, sweep)}
    scheduler = _schedule(runs, sweep=(5, sweep), **minutely)
    try:
        *each_minute, job = scheduler.get_jobs()  # the next ones first
        due: Any
        for other in each_minute:
            due = other.trigger
            assert due.interval == timedelta(minutes=1)
            other.remove()
        assert len(each_minute) == 3
        due = job.trigger
        assert due.interval == timedelta(minutes=5)
        # Now, by the scheduler itself, however late this machine gets to it.
        job.modify(next_run_time=job.next_run_time - due.interval, misfire_grace_time=None)
        async with asyncio.timeout(30):
            while await runs.all() == []:  # noqa: ASYNC110  # it is noted in the database
                await asyncio.sleep(0.01)
    finally:
        scheduler.shutdown(wait=False)
    assert await runs.all() == [ScheduleRun("sweep", 300_000_000, NOW_US, told)]
    async with pool.connection() as connection:
        await connection.execute("delete from schedule_runs")
