"""Putting many events on the ledger: straight through the committer, or imported and signed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from application.ports import Accepted
from bench.ground import TENANT
from bench.sample import sample_lines
from domain.orders.events import Draft
from infrastructure.event_store.snapshotting import Snapshotter
from infrastructure.ledger.signing import Signing
from interfaces.composition.connections import blocking, clock
from interfaces.composition.maintenance import import_file, rebuild_models
from interfaces.composition.proving import log_keys
from interfaces.composition.writing import WriteSide, writing
from interfaces.settings import Settings

BATCH = 250
_IN_FLIGHT = 4


async def submitted(side: WriteSide, drafts: Sequence[Draft]) -> float:
    """Seconds until all are durable; a few batches are always on their way."""
    free = asyncio.Semaphore(_IN_FLIGHT)

    async def submit(batch: Sequence[Draft]) -> None:
        async with free:
            outcomes = await side.committer.submit(batch)
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)

    batches = [drafts[start : start + BATCH] for start in range(0, len(drafts), BATCH)]
    started = time.perf_counter()
    await asyncio.gather(*(submit(batch) for batch in batches))
    return time.perf_counter() - started


def prepared(side: WriteSide, events: Iterable[bytes], tenant: str = TENANT) -> list[Draft]:
    """Drafts of request bodies."""
    return [side.preparer.prepare(tenant, event).draft for event in events]


def fill(settings: Settings, events: Iterable[bytes], tenant: str = TENANT) -> None:
    """Record events, and take the snapshots that fall due."""

    async def run() -> None:
        async with writing(settings, "bench") as side:
            await submitted(side, prepared(side, events, tenant))

    asyncio.run(run())
    snapshotter = Snapshotter(blocking(settings, "bench snapshots"))
    with blocking(settings, "bench snapshots")() as connection:
        while snapshotter.turn(connection):
            pass


def fill_signed(settings: Settings, count: int) -> None:
    """Events with their tiles, signed as they would be had they come at the pace of the import."""
    settings.data_dir.mkdir(exist_ok=True)
    path = settings.data_dir / "events.ndjson"
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in sample_lines(count))

    async def fill() -> None:
        done = await import_file(settings, TENANT, path, lambda *_: None, asyncio.Event())
        assert done.tally.recorded == count, done.tally
        await rebuild_models(settings, ["ledger"], lambda *_: None)

    asyncio.run(fill())
    path.unlink()
    with blocking(settings, "bench signer")() as connection:
        signing = Signing(connection, log_keys(settings), clock)
        while signing.turn().more:
            pass
    with blocking(settings, "bench", as_owner=True)() as connection:
        connection.execute("vacuum analyze events")
