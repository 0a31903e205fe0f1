"""What the access log costs a read that shows personal values: the same timeline from a server that
logs, from one that also waits for a flush, and from one that logs nothing. A worker drains, as in
any installation.

All run throughout. They are asked in short turns, so that what disturbs the machine disturbs each
of them; which of them begins, alternates. Each round has servers of its own: where things happen to
lie in memory makes some percent of a process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain

from msgspec import Struct

from bench.figures import Aim, Row
from bench.filling import fill
from bench.ground import Ground, token
from bench.load import drive, request_bytes
from bench.processes import WORKER, Running, api, processor_seconds, program, server
from bench.sample import bodies, long_order
from bench.scale import Say, Scale
from interfaces.composition.connections import blocking
from interfaces.composition.maintenance import rebuild_models
from interfaces.settings import Settings

_TURN = 20
"""Requests."""
_TURNS = 5
"""At least, in a round."""
_LONG = 2_500
_LENGTHS = ((12, 50), (_LONG, 1_000))
_HOWS = ("logged", "flushed", "not logged")


class _Found(Struct):
    """ms of each round: the median of latencies, and what a read takes of the API's processor."""

    latency: list[float]
    processor: list[float]


def logging_access(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """One question at a time on one connection."""
    with ground.installation() as settings, program(WORKER, settings):
        _fill(settings, scale)
        asked = {length: _question(settings, length, limit) for length, limit in _LENGTHS}
        found = {(length, how): _Found([], []) for length in asked for how in _HOWS}
        for number in range(scale.rounds):
            with _servers(settings) as running:
                for length, question in asked.items():
                    _round(running, question, _turns(scale, length), number, length, found)
    for length in asked:
        yield from _rows(length, found, say)


def _rows(length: int, found: dict[tuple[int, str], _Found], say: Say) -> Iterator[Row]:
    unlogged = found[length, "not logged"]
    for how in ("logged", "flushed"):
        aim = Aim("<=", 1.05) if how == "logged" else None
        ours, name = found[length, how], f"timeline of {length:,} with personal values, {how}"
        rows = (
            Row(f"{name}; not logged", "ms", ours.latency, unlogged.latency, aim),
            Row(f"{name}: processor time", "ms", ours.processor, unlogged.processor, aim),
        )
        for row in rows:
            say(f"{row.what}: {row.figure:.3f} ms, {row.ratio:.3f} times")
        yield from rows


def _round(
    running: dict[str, Running],
    question: bytes,
    turns: int,
    number: int,
    length: int,
    found: dict[tuple[int, str], _Found],
) -> None:
    for server_ in running.values():
        drive(server_.port, [question] * _TURN * _TURNS, connections=1)
    before = {how: processor_seconds(one.pid) for how, one in running.items()}
    taken: dict[str, list[float]] = {how: [] for how in running}
    for turn in range(turns):
        for how in _HOWS if (number + turn) % 2 else _HOWS[::-1]:
            p50 = drive(running[how].port, [question] * _TURN, connections=1).p50
            taken[how].append(p50)
    for how, one in running.items():
        spent = processor_seconds(one.pid) - before[how]
        found[length, how].latency.append(sorted(taken[how])[turns // 2])
        found[length, how].processor.append(spent * 1000 / turns / _TURN)


def _turns(scale: Scale, length: int) -> int:
    return max(_TURNS, scale.reads // _TURN // scale.rounds * 2 // (1 if length < _LONG else 8))


@contextmanager
def _servers(settings: Settings) -> Iterator[dict[str, Running]]:
    flushing = {"ORDER_HISTORY_ACCESS_FSYNC": "yes"}
    with ExitStack() as stack:
        yield {
            "logged": stack.enter_context(server(api(), settings)),
            "flushed": stack.enter_context(server(api(), settings, flushing)),
            "not logged": stack.enter_context(server(["bench.unlogged", "{port}"], settings)),
        }


def _question(settings: Settings, length: int, limit: int) -> bytes:
    path = f"/v1/order-history/orders/long-{length}/timeline?limit={limit}"
    return request_bytes("GET", path, headers={"Authorization": token(settings, "support")})


def _fill(settings: Settings, scale: Scale) -> None:
    long = chain.from_iterable(long_order(f"long-{length}", length) for length, _ in _LENGTHS)
    fill(settings, chain(bodies(scale.stored_events // 10), long))
    asyncio.run(rebuild_models(settings, [], lambda *_: None))
    with blocking(settings, "bench", as_owner=True)() as connection:
        connection.execute("vacuum analyze")
