"""A worker in a process of its own, to be killed: it reindexes and repairs four events at a time,
and rests behind each. Arguments: database URL, data directory."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from application.jobs.running import Run
from application.maintenance.ports import Range
from interfaces.composition import looking_after
from interfaces.composition.working import working
from interfaces.settings import Settings
from projections.reconciling.walk import LedgerWalk, walking
from projections.search import indexing

REST = 0.1


@asynccontextmanager
async def small_steps(connect: Any, models: Any, asked: Range) -> AsyncIterator[LedgerWalk]:
    async with walking(connect, models, asked, batch=4) as walk:
        yield walk


async def progress(self: Run, *arguments: Any) -> None:
    await plainly(self, *arguments)
    await asyncio.sleep(REST)


plainly = Run.progress
changing = indexing._change


async def change(*arguments: Any) -> None:
    await asyncio.sleep(REST)
    await changing(*arguments)


async def main(database_url: str, data_dir: Path) -> None:
    settings = Settings(database_url, data_dir, reconcile_rate=0)
    with (
        patch.object(looking_after, "walking", small_steps),
        patch.object(Run, "progress", progress),
        patch.object(indexing, "_BATCH", 4),
        patch.object(indexing, "_change", change),
    ):
        async with working(settings) as loops:
            await asyncio.gather(*(run() for run in loops))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
