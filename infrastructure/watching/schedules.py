"""When the worker's schedules last ran, so that another process can tell that they do."""

from __future__ import annotations

from application.ports import Clock
from application.watching.figures import ScheduleRun
from infrastructure.postgres.connect import Pool, store_errors

RAN = """
insert into schedule_runs (schedule, every_us, ran_us, error) values (%s, %s, %s, %s)
    on conflict (schedule) do update
   set every_us = excluded.every_us, ran_us = excluded.ran_us, error = excluded.error
"""
ALL = "select schedule, every_us, ran_us, error from schedule_runs order by schedule"


class ScheduleRuns:
    """On a pool of connections of one cell. Each method raises Unavailable."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def ran(self, schedule: str, every_us: int, error: str | None) -> None:
        """Note the end of a run; `error` the class of what it raised."""
        with store_errors():
            async with self._pool.connection() as connection:
                await connection.execute(RAN, (schedule, every_us, self._clock(), error))

    async def all(self) -> list[ScheduleRun]:
        """The newest run of each schedule that has ever run."""
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(ALL)
                return [ScheduleRun(*row) for row in await cursor.fetchall()]
