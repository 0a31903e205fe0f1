"""A small HTTP client: one request at a time on each connection, latencies kept.

A bare protocol and prepared bytes, so that the client costs little, and the same for every server.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import uvloop
from msgspec import Struct

_HEAD_END = b"\r\n\r\n"


class Measured(Struct, frozen=True):
    """What one run showed. Rates per second, times in milliseconds."""

    rate: float
    p50: float
    p95: float
    p99: float


class Failed(Exception):
    """A server under test answered what it should not have."""


def request_bytes(
    method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> bytes:
    """One HTTP/1.1 request, ready to send."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + _HEAD_END + body


class Connection(asyncio.Protocol):
    """A connection on which one request waits for its answer. Answers need a Content-Length.

    head: the status line and the headers of the last one, in lower case.
    """

    def __init__(self) -> None:
        self.head = b""
        self._lost: Exception | None = None
        self._received = bytearray()
        self._wanted = 0
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.WriteTransport

    @classmethod
    async def open(cls, port: int) -> Connection:
        """On loopback."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, "127.0.0.1", port)
        return connection

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer. Raises OSError once the connection is lost."""
        if self._lost is not None:
            raise self._lost
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._wanted:
            end = self._received.find(_HEAD_END)
            if end < 0:
                return
            self._wanted = end + len(_HEAD_END) + _content_length(self._received[:end])
        if len(self._received) >= self._wanted and self._answer is not None:
            status = int(self._received[9:12])
            head, _, body = bytes(self._received).partition(_HEAD_END)
            self.head = head.lower()
            self._received.clear()
            self._wanted = 0
            self._answer.set_result((status, body))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = exc or ConnectionResetError("the server hung up")
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._lost)


def _content_length(head: bytearray) -> int:
    lower = head.lower()
    start = lower.index(b"content-length:") + 15
    return int(lower[start:].split(b"\r\n", 1)[0])


def drive(port: int, requests: Iterable[bytes], *, connections: int) -> Measured:
    """Send every request once, over so many connections. Raises Failed for a bad answer."""
    return uvloop.run(_drive(port, requests, connections))


async def _drive(port: int, requests: Iterable[bytes], connections: int) -> Measured:
    waiting = iter(requests)
    latencies: list[float] = []
    started = time.perf_counter()
    await asyncio.gather(*(_work(port, waiting, latencies) for _ in range(connections)))
    return summary(latencies, time.perf_counter() - started)


async def _work(port: int, waiting: Iterator[bytes], latencies: list[float]) -> None:
    connection = await Connection.open(port)
    try:
        for request in waiting:
            before = time.perf_counter()
            status, body = await connection.ask(request)
            latencies.append(time.perf_counter() - before)
            if status not in (200, 201):
                raise Failed(f"{status}: {body[:300].decode(errors='replace')}")
    finally:
        connection.close()


def summary(latencies: Sequence[float], seconds: float) -> Measured:
    """Rate and quantiles of latencies given in seconds."""
    cuts = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else [latencies[0]] * 99
    return Measured(
        rate=len(latencies) / seconds,
        p50=cuts[49] * 1000,
        p95=cuts[94] * 1000,
        p99=cuts[98] * 1000,
    )
