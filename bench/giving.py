"""Giving a person all that is held on them: 10,000 events of one order, or of 2,000 orders.

The bytes are counted as they come, as a client would that writes them to a file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import httpx
import msgspec

from bench.figures import Row
from bench.filling import fill
from bench.ground import Ground, token
from bench.load import Failed
from bench.memory import resident_mb
from bench.processes import WORKER, api, program, server
from bench.scale import Say, Scale
from interfaces.composition.connections import blocking
from interfaces.composition.maintenance import rebuild_models
from interfaces.settings import Settings

_EVENTS = 10_000
_SHAPES = {"one order": 1, "2,000 orders": 2_000}
_ADDRESS = {"name": "Ada Example", "line1": "1 Example Road", "city": "Bath", "country": "GB"}


def giving(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Milliseconds to the last byte, and what the API process grows by meanwhile."""
    for shape, orders in _SHAPES.items():
        with ground.installation() as settings:
            fill(settings, _events(orders))
            asyncio.run(rebuild_models(settings, [], lambda *_: None))
            with blocking(settings, "bench", as_owner=True)() as connection:
                connection.execute("vacuum analyze")
            with program(WORKER, settings), server(api(), settings) as running:
                before = resident_mb(running.pid)
                taken = [_taken(settings, running.port) for _ in range(scale.rounds)]
                grown = resident_mb(running.pid) - before
        name = f"all on a person, {_EVENTS:,} events of {shape}"
        say(f"{name}: {sorted(taken)[len(taken) // 2]:.0f} ms, {grown:.0f} MB more")
        yield Row(name, "ms", taken)
        yield Row("  the API process grows by", "MB", [grown])


def _events(orders: int) -> Iterator[bytes]:
    for number in range(_EVENTS):
        order, nth = number % orders, number // orders
        kind, payload = "order.note.added", {"note": f"Called, the {nth}th time."}
        if nth == 0:
            kind = "order.created"
            customer = {"id": "cus_1", "email": "ada@example.com", "name": "Ada Example"}
            payload = {"customer": customer, "shipping_address": _ADDRESS}  # type: ignore[dict-item]  # of two shapes
        yield msgspec.json.encode(
            {
                "event_id": f"given-{number}",
                "order_id": f"given-order-{order}",
                "occurred_at": "2025-01-01T00:00:00Z",
                "source": "shop",
                "type": kind,
                "schema_version": "v1",
                "payload": payload,
                "metadata": {"actor_id": "cus_1", "ip": "192.0.2.1"},
            }
        )


def _taken(settings: Settings, port: int) -> float:
    """Milliseconds. Raises Failed for a file that is not whole."""
    headers = {"Authorization": token(settings, "admin")}
    url = f"http://127.0.0.1:{port}/v1/order-history/gdpr/access-request"
    begun, last = time.perf_counter(), b""
    with httpx.stream(
        "POST", url, headers=headers, json={"subject_id": "cus_1"}, timeout=60
    ) as answer:
        for chunk in answer.iter_raw():
            last = (last + chunk)[-200:]
    taken = (time.perf_counter() - begun) * 1000
    end = msgspec.json.decode(last.splitlines()[-1])
    if end.get("events") != _EVENTS:
        raise Failed(f"the file ends with {end}")
    return taken
