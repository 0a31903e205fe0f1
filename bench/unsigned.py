"""A worker that projects the orders and signs nothing: what the ledger's proofs are measured by.

`python -m bench.unsigned`, with the environment of the program's processes.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import uvloop

from infrastructure.event_store.notifier import channel
from infrastructure.event_store.snapshotting import Snapshotter
from interfaces.composition.connections import blocking, connecting
from interfaces.composition.models import indexing
from interfaces.settings import Settings
from projections.hub import Hub
from projections.orders.model import OrdersModel


async def _work(settings: Settings) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    hub = Hub(
        connecting(settings, "hub"), channel(settings.cell), [OrdersModel(indexing(settings))]
    )
    loops = [hub.run, Snapshotter(blocking(settings, "snapshots")).run]
    tasks = [asyncio.ensure_future(run()) for run in loops]
    await stopping.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    env = os.environ
    data_dir = Path(env["ORDER_HISTORY_DATA_DIR"])
    uvloop.run(_work(Settings(env["ORDER_HISTORY_DATABASE_URL"], data_dir)))
