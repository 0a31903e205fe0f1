"""Two requests against each other, one by one: what the second costs more than the first.

A request is asked of each in turn, on a connection of its own, which of them comes first changing
each time. Of each round the fastest tenth counts: whatever else runs on the machine only adds. The
processor's time of the servers is told beside it, which does not know of waiting.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import psutil  # type: ignore[import-untyped]  # it ships no types
import uvloop
from msgspec import Struct

from bench.load import Connection, Failed
from bench.processes import Running


class Side(Struct, frozen=True):
    """Who is asked, and what, in turn."""

    server: Running
    requests: Sequence[bytes]


class Pair(Struct, frozen=True):
    """ms: the first one's, of the fastest tenth; more: what the other takes beyond that. cpu_more:
    the same of the processor's time, of servers that are two."""

    ms: float
    more: float
    cpu_more: float


def compared(first: Side, second: Side) -> Pair:
    """Of as many requests as each has. Raises Failed for an answer that is not 200."""
    sides = (first, second)
    before = [_cpu_ms(side) for side in sides]
    times = uvloop.run(_asked(sides))
    used = [_cpu_ms(side) - start for side, start in zip(sides, before, strict=True)]
    fastest = [statistics.quantiles(one, n=10)[0] for one in times]
    count = len(first.requests)
    return Pair(fastest[0], fastest[1] - fastest[0], (used[1] - used[0]) / count)


async def _asked(sides: tuple[Side, Side]) -> tuple[list[float], list[float]]:
    connections = [await Connection.open(side.server.port) for side in sides]
    taken: tuple[list[float], list[float]] = ([], [])
    try:
        for number, asked in enumerate(zip(*(side.requests for side in sides), strict=True)):
            for at in (0, 1) if number % 2 else (1, 0):
                begun = time.perf_counter()
                status, _ = await connections[at].ask(asked[at])
                taken[at].append((time.perf_counter() - begun) * 1000)
                if status != 200:
                    raise Failed(f"{status} of {sides[at].server}")
    finally:
        for connection in connections:
            connection.close()
    return taken


def _cpu_ms(side: Side) -> float:
    times = psutil.Process(side.server.pid).cpu_times()
    return float(times.user + times.system) * 1000
