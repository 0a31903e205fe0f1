"""From acceptance to the timeline: API and worker as they are run, at 500 events a second.

Events leave on a clock, whatever the answers; of every tenth, whoever got its 201 asks for the
order's timeline at once, with the sequence he was answered (`X-Min-Sequence`), and waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from urllib.parse import quote

import msgspec
import uvloop
from msgspec import Struct

from bench.figures import Aim, Row
from bench.ground import Ground, token
from bench.load import Connection, Failed, Measured, request_bytes, summary
from bench.processes import WORKER, api, program, server
from bench.sample import bodies
from bench.scale import Say, Scale
from interfaces.settings import Settings

RATE = 500
_EVERY = 10
_WARM_SECONDS = 2
_PATIENCE = 30.0


class _Stored(Struct):
    order_id: str
    sequence: int


def visible(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Time between the answers 201 and 200."""
    seconds = scale.visible_seconds + _WARM_SECONDS
    with (
        ground.installation() as settings,
        server(api(), settings) as running,
        program(WORKER, settings),
    ):
        found = uvloop.run(_run(running.port, settings, bodies(seconds * RATE)))
    say(f"visible after: p50 {found.p50:.1f} ms, p99 {found.p99:.1f} ms")
    yield Row(f"201 to timeline at {RATE} events/s, p50", "ms", [found.p50])
    yield Row("  p99", "ms", [found.p99], (), Aim("<=", 100, of="figure"))


async def _run(port: int, settings: Settings, events: list[bytes]) -> Measured:
    sender = _Sender(settings, [await Connection.open(port) for _ in range(32)])
    await sender.send(events.pop(), followed=True)  # the worker is there now
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, event in enumerate(events):
            delay = started + number / RATE - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            group.create_task(sender.send(event, followed=number % _EVERY == 0))
    for connection in sender.idle:
        connection.close()
    waits = sender.waits[1 + _WARM_SECONDS * RATE // _EVERY :]
    return summary(waits, time.perf_counter() - started)


class _Sender:
    def __init__(self, settings: Settings, connections: list[Connection]) -> None:
        self.idle = connections
        self.waits: list[float] = []
        self._free = asyncio.Semaphore(len(connections))
        self._posting = {
            "Authorization": token(settings, "producer"),
            "Content-Type": "application/json",
        }
        self._reading = {"Authorization": token(settings, "history_reader")}

    async def send(self, event: bytes, *, followed: bool) -> None:
        async with self._free:
            connection = self.idle.pop()
            request = request_bytes("POST", "/v1/order-history/events", event, self._posting)
            status, body = await connection.ask(request)
            if status != 201:
                raise Failed(f"{status}: {body[:300].decode(errors='replace')}")
            if followed:
                await self._follow(connection, body)
            self.idle.append(connection)

    async def _follow(self, connection: Connection, answer: bytes) -> None:
        """Ask until the answer is the timeline; 503 says that it is still on its way."""
        accepted = time.perf_counter()
        question = self._question(answer)
        while (status := (await connection.ask(question))[0]) != 200:
            if status != 503 or time.perf_counter() - accepted > _PATIENCE:
                raise Failed(f"{status} in place of a timeline")
        self.waits.append(time.perf_counter() - accepted)

    def _question(self, answer: bytes) -> bytes:
        stored = msgspec.json.decode(answer, type=_Stored)
        path = f"/v1/order-history/orders/{quote(stored.order_id, safe='')}/timeline"
        headers = {**self._reading, "X-Min-Sequence": str(stored.sequence)}
        return request_bytes("GET", path, headers=headers)
