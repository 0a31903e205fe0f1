"""Verifying all that is stored of one tenant, in the database and as an exported bundle, against
reading and hashing the same and nothing else.

All of it on one core, where the system lets a program choose; the server has the others.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import Struct
from psycopg import Connection

from application.ledger.verifying import verify_bundle
from application.ledger.verifying.bundles import EVENTS
from bench.figures import Aim, Row
from bench.filling import fill_signed
from bench.ground import TENANT, Ground
from bench.scale import Say, Scale
from domain.ledger.merkle import HASH
from infrastructure.event_store.auditing import STRETCH, audit, pages
from interfaces.composition.connections import blocking
from interfaces.composition.exporting import export_ledger
from interfaces.composition.proving import log_keys
from interfaces.settings import Settings

STORED = "verify ledger"
OFFLINE = "verify bundle"
ALONE = {STORED: "SHA-256 and rows alone", OFFLINE: "SHA-256 and lines alone"}
"""What each is held against."""


class Took(Struct, frozen=True):
    """Seconds that a pass over all events took, and of its own processor."""

    seconds: float
    own: float


def verifying(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Passes that take turns, over a ledger with its tiles and checkpoints."""
    count = scale.verified_events
    with ground.installation() as settings:
        fill_signed(settings, count)
        bundle = settings.data_dir / "bundle"
        asyncio.run(export_ledger(settings, TENANT, bundle, lambda *_: None, events=True))
        with blocking(settings, "bench verify")() as connection, _one_core():
            passes = _passes(connection, settings, bundle, count)
            found: dict[str, list[Took]] = {name: [] for name in passes}
            for number in range(scale.rounds):
                for name in list(passes)[:: 1 if number % 2 else -1]:
                    took = _timed(passes[name])
                    found[name].append(took)
                    say(f"{name}: {count / took.seconds:,.0f}/s")
    for name, alone in ALONE.items():
        rates, instead = _rates(found[name], count), _rates(found[alone], count)
        yield Row(f"{name}, one core", "/s", rates, (), Aim(">=", 150_000, of="figure"))
        yield Row(f"  {alone}", "/s", rates, instead, Aim(">=", 0.5))
        own, instead = ([count / one.own for one in found[which]] for which in (name, alone))
        yield Row("  a second of its processor, likewise", "/s", own, instead)


def _passes(
    connection: Connection[Any], settings: Settings, bundle: Path, count: int
) -> dict[str, Callable[[], None]]:
    keys = log_keys(settings)
    verifier_keys = keys.verifier_keys(f"{keys.service_origin}/{TENANT}")

    def stored() -> None:
        assert audit(connection, [TENANT]) == (count, [])

    def offline() -> None:
        assert verify_bundle(bundle, verifier_keys).checkpoint.size == count

    return {
        STORED: stored,
        ALONE[STORED]: lambda: _read(connection, count),
        OFFLINE: offline,
        ALONE[OFFLINE]: lambda: _read_lines(bundle / EVENTS, count),
    }


def _read(connection: Connection[Any], count: int) -> None:
    """The same columns by the same way, and the one hash that nothing can be told without."""
    read = 0
    for start in range(0, count, STRETCH):
        for page in pages(connection, TENANT, start, start + STRETCH):
            read += len([sha256(row[-1]).digest() for row in page])
    assert read == count


def _read_lines(path: Path, count: int) -> None:
    with path.open("rb") as file:
        read = sum(len(sha256(line).digest()) for line in file)
    assert read == count * HASH


def _timed(work: Callable[[], None]) -> Took:
    started, own = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - started, time.process_time() - own)


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
