"""Measures an installation's machine and disk, in a scratch database that is gone afterwards.

The database lies below the data directory, so that it is that disk which is measured; nothing of
the installation itself is read or written.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from msgspec import Struct

from application.orders.as_of import Question
from domain.orders.events import Draft
from interfaces.composition.database import embedded, prepare_database
from interfaces.composition.maintenance import import_file, rebuild_models
from interfaces.composition.writing import WriteSide, writing
from interfaces.demo.sample import sample
from interfaces.settings import Settings
from projections.orders.queries import OrderQueries

TENANT = "bench"
SUBMITTERS = 64
_ORDERS = 600
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_BLOCK = bytes(8192)


class Figure(Struct, frozen=True):
    """What was measured, as a line for a person."""

    name: str
    value: str


def sample_events(count: int, *, prefix: str) -> Iterator[dict[str, Any]]:
    """So many events of realistic orders, in arrival order, no correction among them: the demo's,
    again and again under ids of their own that begin with `prefix`."""
    lives = next(iter(sample(_NOW, orders=_ORDERS).values()))
    plain = [event for event in lives if "correction_of" not in event]
    for number in range(count):
        again, index = divmod(number, len(plain))
        yield {
            **plain[index],
            "event_id": f"{prefix}-{number}",
            "order_id": f"{plain[index]['order_id']}-{prefix}{again}",
        }


def flush_times(directory: Path, times: int = 200) -> list[float]:
    """Seconds that each of some small writes took until it was on the disk."""
    seconds = []
    with tempfile.NamedTemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(times):
            started = time.perf_counter()
            file.write(_BLOCK)
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - started)
    return seconds


def measure(data_dir: Path, events: int, say: Callable[[str], None]) -> list[Figure]:
    """Everything, with so many events. Raises OrderHistoryError when no database can be had."""
    with _scratch(data_dir) as settings:
        say("flushing")
        flushes = flush_times(settings.data_dir)
        say("appending")
        latencies, seconds = uvloop.run(_append(settings, events // 4))
        say("importing")
        rate = events / _import(settings, events)
        say("rebuilding")
        started = time.perf_counter()
        uvloop.run(rebuild_models(settings, [], lambda *_: None))
        rebuilt = (events + events // 4) / (time.perf_counter() - started)
        say("reading")
        timelines, states = uvloop.run(_read(settings))
    return [
        Figure("flush to disk", _quantiles(flushes)),
        Figure(f"append, {SUBMITTERS} at once", f"{len(latencies) / seconds:,.0f} events/s"),
        Figure("  until durable", _quantiles(latencies)),
        Figure("import", f"{rate:,.0f} events/s"),
        Figure("rebuild of the read models", f"{rebuilt:,.0f} events/s"),
        Figure("timeline of an order", _quantiles(timelines)),
        Figure("state of an order as of now", _quantiles(states)),
    ]


@contextmanager
def _scratch(data_dir: Path) -> Iterator[Settings]:
    missing = not data_dir.exists()
    data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=data_dir, prefix="bench-") as name:
            directory = Path(name)
            directory.chmod(0o711)  # the database's user passes through
            with embedded(directory) as server:
                prepare_database(server.url(), own=True, say=lambda _: None)
                yield Settings(server.url(), directory)
    finally:
        if missing:
            data_dir.rmdir()


async def _append(settings: Settings, count: int) -> tuple[list[float], float]:
    """Latency of each event, and seconds in all."""
    async with writing(settings, "bench") as side:
        drafts = iter(_drafts(side, count))
        latencies: list[float] = []

        async def submitter() -> None:
            latencies.extend([await _timed(side.committer.submit([draft])) for draft in drafts])

        started = time.perf_counter()
        await asyncio.gather(*(submitter() for _ in range(SUBMITTERS)))
        return latencies, time.perf_counter() - started


def _drafts(side: WriteSide, count: int) -> list[Draft]:
    events = sample_events(count, prefix="one")
    return [side.preparer.prepare(TENANT, msgspec.json.encode(event)).draft for event in events]


def _import(settings: Settings, count: int) -> float:
    path = settings.data_dir / "events.ndjson"
    with path.open("wb") as file:
        for event in sample_events(count, prefix="many"):
            file.write(msgspec.json.encode(event) + b"\n")
    started = time.perf_counter()
    asyncio.run(import_file(settings, TENANT, path, lambda *_: None, asyncio.Event()))
    return time.perf_counter() - started


async def _read(settings: Settings) -> tuple[list[float], list[float]]:
    timelines, states = [], []
    async with writing(settings, "bench") as side:
        queries = OrderQueries(side.pool)

        async def timeline(order_id: str) -> None:
            keys = await queries.timeline(TENANT, order_id)
            await side.reader.bodies(TENANT, [key.position for key in keys])

        for order in await queries.list_orders(TENANT, limit=500):
            timelines.append(await _timed(timeline(order.order_id)))
            question = side.as_of.state(TENANT, order.order_id, Question())
            states.append(await _timed(question))
    return timelines, states


async def _timed(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


def _quantiles(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1000:.2f} ms, p99 {cuts[98] * 1000:.2f} ms"
