"""What hostile queries of one tenant cost another: ordinary reads, with and without them beside.

The attackers are a process of their own (`attacking.py`), with as many events as the attacked, and
wait for nothing, whatever they are answered. Rounds alternate; a read that is refused ends the
benchmark.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, takewhile
from urllib.parse import quote

import msgspec

from bench import attacking
from bench.figures import Aim, Row
from bench.filling import fill
from bench.ground import TENANT, Ground, token
from bench.load import Measured, drive, request_bytes
from bench.processes import api, program, server
from bench.sample import bodies
from bench.scale import Say, Scale
from interfaces.composition.connections import blocking
from interfaces.composition.maintenance import rebuild_models
from interfaces.settings import Settings

_UNDER_WAY = 3.0
"""Seconds after which each connection has sent some of its queries."""
_MOST = 5
"""So many times what it is without them p95 may be."""

Reads = Mapping[str, Sequence[bytes]]


def hostile(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """p95 of each kind of read; beside hostile queries, and without."""
    with ground.installation() as settings:
        events = _fill(settings, scale)
        with server(api(), settings) as running:
            reads = _reads(settings, events, scale.reads)
            seconds = scale.hostile_seconds
            beside: dict[str, list[Measured]] = {name: [] for name in reads}
            without: dict[str, list[Measured]] = {name: [] for name in reads}
            for _ in range(scale.rounds):
                _measure(running.port, reads, seconds, without)
                with program(_attack(settings, running.port, seconds), settings):
                    time.sleep(_UNDER_WAY)
                    _measure(running.port, reads, seconds, beside)
                    time.sleep(_UNDER_WAY)
                say(", ".join(_told(name, beside, without) for name in reads))
    for name in reads:
        ours, alone = ([one.p95 for one in found[name]] for found in (beside, without))
        yield Row(f"{name} beside hostile queries, p95", "ms", ours, alone, Aim("<=", _MOST))


def _fill(settings: Settings, scale: Scale) -> list[bytes]:
    events = bodies(scale.stored_events // 2)
    for tenant in (TENANT, attacking.TENANT):
        fill(settings, events, tenant)
    asyncio.run(rebuild_models(settings, [], lambda *_: None))
    with blocking(settings, "bench", as_owner=True)() as connection:
        connection.execute("vacuum analyze")
    return events


def _reads(settings: Settings, events: Sequence[bytes], count: int) -> Reads:
    chance = random.Random(1)
    chosen = [msgspec.json.decode(event)["order_id"] for event in chance.choices(events, k=count)]
    headers = {"Authorization": token(settings, "history_reader")}
    headers["Content-Type"] = "application/json"
    prefix = "/v1/order-history"
    return {
        "timeline": [
            request_bytes("GET", f"{prefix}/orders/{quote(one, safe='')}/timeline", b"", headers)
            for one in chosen
        ],
        "search of an identifier": [
            request_bytes("POST", f"{prefix}/search", _of_order(one), headers) for one in chosen
        ],
    }


def _of_order(order_id: str) -> bytes:
    return msgspec.json.encode({"query": {"ident": order_id, "exact": True}})


def _attack(settings: Settings, port: int, seconds: float) -> Sequence[str]:
    longest = _UNDER_WAY + 2 * seconds + 1
    return ("bench.attacking", str(settings.data_dir), str(port), str(longest))


def _measure(port: int, reads: Reads, seconds: float, found: dict[str, list[Measured]]) -> None:
    for name, requests in reads.items():
        found[name].append(drive(port, _lasting(seconds, requests), connections=1))


def _lasting(seconds: float, requests: Sequence[bytes]) -> Iterator[bytes]:
    """The requests again and again, for so long: queries that run for seconds have to be met."""
    end = time.monotonic() + seconds
    return takewhile(lambda _: time.monotonic() < end, cycle(requests))


def _told(
    name: str, beside: Mapping[str, Sequence[Measured]], without: Mapping[str, Sequence[Measured]]
) -> str:
    return f"{name}: p95 {beside[name][-1].p95:.1f} ms, without {without[name][-1].p95:.1f} ms"
