"""Timelines and states as of a moment, against bare SQL through the same kind of server.

One question at a time on one connection, so that what is compared is what an answer costs. Both
servers run throughout; each round asks one, then the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain

import psycopg
from msgspec import Struct

from bench.figures import Aim, Row
from bench.filling import fill
from bench.ground import TENANT, Ground, token
from bench.handwritten import FILL
from bench.load import Measured, drive, request_bytes
from bench.processes import api, handwritten, server
from bench.sample import bodies, long_order, moment
from bench.scale import Say, Scale
from domain.privacy.sealing import originator
from domain.times import parse_us
from interfaces.composition.connections import blocking
from interfaces.composition.maintenance import rebuild_models
from interfaces.settings import Settings

ORDINARY = 12
LENGTHS = (ORDINARY, 100, 1_000, 2_500, 10_000)
_NOW = 2**62
_FLAT = 1.5
"""An order of 10,000 events may cost so many times one of 100."""


class Question(Struct, frozen=True):
    """The paths at which both servers are asked the same, and who asks ours."""

    name: str
    ours: str
    theirs: str
    role: str = "history_reader"


def reading(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Medians of p50, and p95 of the questions as of a moment."""
    with ground.installation() as settings, ExitStack() as stack:
        _fill(settings, scale)
        ports = (
            stack.enter_context(server(api(), settings)).port,
            stack.enter_context(server(handwritten(settings), settings)).port,
        )
        _fill_theirs(settings)
        for question in _timelines():
            ours, theirs = _ask(settings, ports, question, scale, say)
            yield Row(question.name, "ms", _p50(ours), _p50(theirs), Aim("<=", 1.5))
        p95: dict[str, list[float]] = {}
        for question in _states():
            ours, theirs = _ask(settings, ports, question, scale, say)
            yield Row(question.name, "ms", _p50(ours), _p50(theirs), Aim("<=", 1.5))
            p95[question.name] = [one.p95 for one in ours]
            yield Row("  p95", "ms", p95[question.name], (), Aim("<=", 10, of="figure"))
        for when in ("now", "past"):
            short, long = (p95[_state_name(length, when)] for length in (100, 10_000))
            yield Row(f"as-of p95, {when}: 10,000 / 100", "ms", long, short, Aim("<=", _FLAT))


def _fill(settings: Settings, scale: Scale) -> None:
    long = chain.from_iterable(long_order(f"long-{length}", length) for length in LENGTHS)
    fill(settings, chain(bodies(scale.stored_events), long))
    asyncio.run(rebuild_models(settings, [], lambda *_: None))
    with blocking(settings, "bench", as_owner=True)() as connection:
        connection.execute("vacuum analyze")


def _fill_theirs(settings: Settings) -> None:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(FILL)
        connection.execute("vacuum analyze bench.audit")
        connection.execute("grant usage on schema cell_0 to public")


def _timelines() -> Iterator[Question]:
    for length, limit, role in (
        (ORDINARY, 50, "history_reader"),
        (ORDINARY, 50, "support"),
        (2_500, 50, "history_reader"),
        (2_500, 1_000, "history_reader"),
        (2_500, 1_000, "support"),
    ):
        path = f"/orders/long-{length}/timeline?limit={limit}"
        name = f"timeline of {length:,}, limit {limit}, {role}"
        yield Question(name, path, path, role)


def _states() -> Iterator[Question]:
    for length in LENGTHS:
        half = moment(length // 2)
        theirs = f"/originators/{originator(TENANT, f'long-{length}')}/as-of?at_us="
        ours = f"/orders/long-{length}/snapshot"
        yield Question(_state_name(length, "now"), ours, f"{theirs}{_NOW}")
        at = f"{ours}?at={half}"
        yield Question(_state_name(length, "past"), at, f"{theirs}{parse_us(half)}")


def _state_name(length: int, when: str) -> str:
    return f"as-of of {length:,}, {when}"


def _ask(
    settings: Settings, ports: tuple[int, int], question: Question, scale: Scale, say: Say
) -> tuple[list[Measured], list[Measured]]:
    headers = {"Authorization": token(settings, question.role)}
    prefix = "/v1/order-history"
    ours = request_bytes("GET", prefix + question.ours, headers=headers)
    theirs = request_bytes("GET", question.theirs)
    found: tuple[list[Measured], list[Measured]] = ([], [])
    for _ in range(scale.rounds):
        for port, request, measured in zip(ports, (ours, theirs), found, strict=True):
            drive(port, [request] * 20, connections=1)
            measured.append(drive(port, [request] * (scale.reads // scale.rounds), connections=1))
    say(f"{question.name}: {_p50(found[0])[0]:.2f} ms, bare SQL {_p50(found[1])[0]:.2f} ms")
    return found


def _p50(rounds: Sequence[Measured]) -> list[float]:
    return [one.p50 for one in rounds]
