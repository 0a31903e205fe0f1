"""Verifying all that is stored of one tenant, against reading and hashing it and nothing else.

All of it on one core, where the system lets a program choose; the server has the others. What
verifies without a database is one more entry of `_verifiers`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import psutil  # type: ignore[import-untyped]  # it ships no types
from msgspec import Struct
from psycopg import Connection

from bench.figures import Aim, Row
from bench.ground import TENANT, Ground
from bench.sample import sample_lines
from bench.scale import Say, Scale
from infrastructure.event_store.auditing import STRETCH, audit, pages
from infrastructure.ledger.signing import Signing
from interfaces.composition.connections import blocking, clock
from interfaces.composition.maintenance import import_file, rebuild_models
from interfaces.composition.proving import log_keys
from interfaces.settings import Settings

_TICK = 0.01
"""Seconds, in which the system counts a server's processor time."""

READ = "SHA-256 and read alone"
STORED = "verify ledger"


class Took(Struct, frozen=True):
    """Seconds that a pass over all events took, of its own processor, and of the server's."""

    seconds: float
    own: float
    server: float


def verifying(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Passes that take turns, over a ledger with its tiles and checkpoints."""
    count = scale.verified_events
    with ground.installation() as settings:
        _fill(settings, count)
        with blocking(settings, "bench verify")() as connection, _one_core():
            passes = {READ: lambda: _read(connection, count), **_verifiers(connection, count)}
            found: dict[str, list[Took]] = {name: [] for name in passes}
            for number in range(scale.rounds):
                for name in list(passes)[:: 1 if number % 2 else -1]:
                    took = _timed(connection, passes[name])
                    found[name].append(took)
                    say(f"{name}: {count / took.seconds:,.0f}/s")
    alone = found.pop(READ)
    for name, times in found.items():
        rates, instead = _rates(times, count), _rates(alone, count)
        yield Row(f"{name}, one core", "/s", rates, (), Aim(">=", 150_000, of="figure"))
        yield Row(f"  {READ}", "/s", rates, instead, Aim(">=", 0.5))
        own, instead = ([count / one.own for one in all_] for all_ in (times, alone))
        yield Row("  a second of its processor, likewise", "/s", own, instead)
        beside, instead = ([count / one.server for one in all_] for all_ in (times, alone))
        yield Row("  a second of PostgreSQL's, likewise", "/s", beside, instead)


def _verifiers(connection: Connection[Any], count: int) -> dict[str, Callable[[], None]]:
    def stored() -> None:
        assert audit(connection, [TENANT]) == (count, [])

    return {STORED: stored}


def _read(connection: Connection[Any], count: int) -> None:
    """The same columns by the same way, and the one hash that nothing can be told without."""
    read = 0
    for start in range(0, count, STRETCH):
        for page in pages(connection, TENANT, start, start + STRETCH):
            read += len([sha256(row[-1]).digest() for row in page])
    assert read == count


def _timed(connection: Connection[Any], work: Callable[[], None]) -> Took:
    server = psutil.Process(connection.info.backend_pid)
    before = sum(server.cpu_times()[:2])
    started, own = time.perf_counter(), time.process_time()
    work()
    seconds, own = time.perf_counter() - started, time.process_time() - own
    beside = sum(server.cpu_times()[:2]) - before
    return Took(seconds, own, max(beside, _TICK))


def _rates(times: list[Took], count: int) -> list[float]:
    return [count / one.seconds for one in times]


@contextmanager
def _one_core() -> Iterator[None]:
    if not hasattr(os, "sched_setaffinity"):  # macOS and Windows choose themselves
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


def _fill(settings: Settings, count: int) -> None:
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
