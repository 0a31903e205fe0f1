"""What the access log costs a read that shows personal values: the same answers, logged and not,
from one server; and from one that also waits for a flush. A worker drains, as in any installation.

One process answers both ways (`unlogged.py`), in short turns, so that what disturbs the machine or
lies badly in memory disturbs both; which of them begins, alternates. Turns, not single requests: a
read also pays for what the one before it has left in the processor's caches. Each round has servers
of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain

from msgspec import Struct

from bench.figures import Aim, Row
from bench.filling import fill
from bench.ground import Ground, token
from bench.load import drive, request_bytes
from bench.processes import WORKER, Running, processor_seconds, program, server
from bench.sample import bodies, long_order
from bench.scale import Say, Scale
from bench.unlogged import UNLOGGED
from interfaces.composition.connections import blocking
from interfaces.composition.maintenance import rebuild_models
from interfaces.settings import Settings

_TURN = 20
"""Requests."""
_TURNS = 5
"""At least, in a round."""
_LONG = 2_500
_READS = {
    "one event": "events/long-12-0",
    "timeline of 12": "orders/long-12/timeline?limit=50",
    f"timeline of {_LONG:,}": f"orders/long-{_LONG}/timeline?limit=1000",
}
"""What is read, and where; all with personal values."""
_ENVIRONMENTS = {"logged": {}, "flushed": {"ORDER_HISTORY_ACCESS_FSYNC": "yes"}}
_SIDES = (True, False)
"""Logged, and not."""


class _Found(Struct):
    """ms of each round: the median of latencies, and what a read takes of the API's processor."""

    latency: list[float]
    processor: list[float]


class _Case(Struct, frozen=True):
    """A read, from a server that logs so: what is asked, and what was found, by whether it is
    logged."""

    what: str
    how: str
    asked: dict[bool, bytes]
    found: dict[bool, _Found]
    turns: int


def logging_access(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """One question at a time on one connection."""
    with ground.installation() as settings, program(WORKER, settings):
        _fill(settings, scale)
        cases = list(_cases(settings, scale))
        for number in range(scale.rounds):
            for how, environment in _ENVIRONMENTS.items():
                argv = ["bench.unlogged", "{port}"]
                with server(argv, settings, environment) as running:
                    for case in cases:
                        if case.how == how:
                            _round(running, case, number)
    for case in cases:
        yield from _rows(case, say)


def _cases(settings: Settings, scale: Scale) -> Iterator[_Case]:
    for what, path in _READS.items():
        asked = {logged: _question(settings, path, logged=logged) for logged in _SIDES}
        turns = scale.reads // _TURN // scale.rounds * 4 // (8 if "limit=1000" in path else 1)
        for how in _ENVIRONMENTS:
            found = {logged: _Found([], []) for logged in _SIDES}
            yield _Case(what, how, asked, found, max(_TURNS, turns))


def _rows(case: _Case, say: Say) -> Iterator[Row]:
    ours, instead = case.found[True], case.found[False]
    aim = Aim("<=", 1.05) if case.how == "logged" else None
    name = f"{case.what} with personal values, {case.how}"
    rows = (
        Row(f"{name}; not logged", "ms", ours.latency, instead.latency, aim),
        Row(f"{name}: processor time", "ms", ours.processor, instead.processor, aim),
    )
    for row in rows:
        say(f"{row.what}: {row.figure:.3f} ms, {row.ratio:.3f} times")
    yield from rows


def _round(running: Running, case: _Case, number: int) -> None:
    for question in case.asked.values():
        drive(running.port, [question] * _TURN * _TURNS, connections=1)
    taken: dict[bool, list[float]] = {logged: [] for logged in _SIDES}
    spent = dict.fromkeys(_SIDES, 0.0)
    for turn in range(case.turns):
        for logged in _SIDES if (number + turn) % 2 else _SIDES[::-1]:
            before = processor_seconds(running.pid)
            p50 = drive(running.port, [case.asked[logged]] * _TURN, connections=1).p50
            taken[logged].append(p50)
            spent[logged] += processor_seconds(running.pid) - before
    for logged, found in case.found.items():
        found.latency.append(sorted(taken[logged])[case.turns // 2])
        found.processor.append(spent[logged] * 1000 / case.turns / _TURN)


def _question(settings: Settings, path: str, *, logged: bool) -> bytes:
    headers = {"Authorization": token(settings, "support")}
    if not logged:
        headers[UNLOGGED] = "yes"
    return request_bytes("GET", f"/v1/order-history/{path}", headers=headers)


def _fill(settings: Settings, scale: Scale) -> None:
    long = chain.from_iterable(long_order(f"long-{length}", length) for length in (12, _LONG))
    fill(settings, chain(bodies(scale.stored_events // 10), long))
    asyncio.run(rebuild_models(settings, [], lambda *_: None))
    with blocking(settings, "bench", as_owner=True)() as connection:
        connection.execute("vacuum analyze")
