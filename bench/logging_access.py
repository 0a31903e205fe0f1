"""What the access log costs a read that shows personal values: the same timeline from a server that
logs, from one that also waits for a flush, and from one that notes nothing.

All three run throughout. They are asked in short turns, so that what disturbs the machine disturbs
each of them; which of them begins, alternates.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain

from bench.figures import Aim, Row
from bench.filling import fill
from bench.ground import Ground, token
from bench.load import drive, request_bytes
from bench.processes import api, server
from bench.sample import bodies, long_order
from bench.scale import Say, Scale
from interfaces.composition.connections import blocking
from interfaces.composition.maintenance import rebuild_models
from interfaces.settings import Settings

_TURN = 20
"""Requests."""
_LONG = 2_500
_LENGTHS = ((12, 50), (_LONG, 1_000))


def logging_access(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Medians of p50 of the rounds, one question at a time on one connection."""
    with ground.installation() as settings, ExitStack() as stack:
        _fill(settings, scale)
        logged = stack.enter_context(server(api(), settings)).port
        unlogged = stack.enter_context(server(["bench.unlogged", "{port}"], settings)).port
        os.environ["ORDER_HISTORY_ACCESS_FSYNC"] = "yes"
        flushed = stack.enter_context(server(api(), settings)).port
        del os.environ["ORDER_HISTORY_ACCESS_FSYNC"]
        ports = {"logged": logged, "flushed": flushed, "not logged": unlogged}
        for length, limit in _LENGTHS:
            path = f"/v1/order-history/orders/long-{length}/timeline?limit={limit}"
            asked = request_bytes(
                "GET", path, headers={"Authorization": token(settings, "support")}
            )
            found = _measured(ports, asked, scale, length)
            name = f"timeline of {length:,} with personal values"
            for how in ("logged", "flushed"):
                say(
                    f"{name}: {how} {found[how][0]:.3f} ms, not logged {found['not logged'][0]:.3f}"
                )
                aim = Aim("<=", 1.05) if how == "logged" else None
                yield Row(f"{name}, {how}; not logged", "ms", found[how], found["not logged"], aim)


def _measured(
    ports: dict[str, int], asked: bytes, scale: Scale, length: int
) -> dict[str, list[float]]:
    """ms, the median of each round, by the server."""
    found: dict[str, list[float]] = {name: [] for name in ports}
    names = list(ports)
    turns = max(5, scale.reads // _TURN // scale.rounds // (1 if length < _LONG else 4))
    for port in ports.values():
        drive(port, [asked] * 5 * _TURN, connections=1)
    for number in range(scale.rounds):
        taken: dict[str, list[float]] = {name: [] for name in ports}
        for turn in range(turns):
            for name in names if (number + turn) % 2 else names[::-1]:
                taken[name].append(drive(ports[name], [asked] * _TURN, connections=1).p50)
        for name, times in taken.items():
            found[name].append(sorted(times)[len(times) // 2])
    return found


def _fill(settings: Settings, scale: Scale) -> None:
    long = chain.from_iterable(long_order(f"long-{length}", length) for length, _ in _LENGTHS)
    fill(settings, chain(bodies(scale.stored_events // 10), long))
    asyncio.run(rebuild_models(settings, [], lambda *_: None))
    with blocking(settings, "bench", as_owner=True)() as connection:
        connection.execute("vacuum analyze")
