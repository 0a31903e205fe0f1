"""A worker in a process of its own, to be killed. Arguments: database URL, a file to write to.

Its one kind of job writes a line to the file at its start, then takes its time.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from application.jobs.running import Finished, Run, RunJob
from infrastructure.jobs.runner import JobRunner
from infrastructure.jobs.store import PostgresJobStore
from infrastructure.postgres.connect import open_pool


async def main(url: str, diary: Path) -> None:
    async def slow(run: Run) -> Finished:
        with diary.open("a") as file:
            file.write(f"{run.job.job_id}\n")
        while True:
            await run.checkpoint()
            await asyncio.sleep(0.05)

    pool = await open_pool(url, "cell_0", min=1, max=4, name="test worker")
    store = PostgresJobStore(pool, lambda: time.time_ns() // 1000)
    await JobRunner(url, "cell_0", RunJob(store, {"slow": slow}), store).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
