"""A small HTTP load: so many connections, one request at a time on each, latencies kept.

Raw sockets and prepared bytes, so that the client costs little and the same for every server.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence

from msgspec import Struct


class Measured(Struct, frozen=True):
    """What one run showed. Rates per second, times in milliseconds."""

    rate: float
    p50: float
    p95: float
    p99: float
    requests: int
    failures: int


def request_bytes(
    method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> bytes:
    """One HTTP/1.1 request, ready to send."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def run(
    port: int, requests: Sequence[bytes], *, connections: int, expect: Sequence[int] = (200, 201)
) -> Measured:
    """Send every request once over `connections` connections; an unexpected status is a failure."""
    waiting = iter(requests)
    latencies: list[float] = []
    failures: list[int] = []
    started = time.perf_counter()
    await asyncio.gather(
        *(_connection(port, waiting, latencies, failures, expect) for _ in range(connections))
    )
    return summary(latencies, time.perf_counter() - started, len(failures))


def summary(latencies: Sequence[float], seconds: float, failures: int = 0) -> Measured:
    """Rates and quantiles of latencies given in seconds."""
    cuts = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else [latencies[0]] * 99
    return Measured(
        rate=len(latencies) / seconds,
        p50=cuts[49] * 1000,
        p95=cuts[94] * 1000,
        p99=cuts[98] * 1000,
        requests=len(latencies),
        failures=failures,
    )


async def _connection(
    port: int,
    waiting: Iterator[bytes],
    latencies: list[float],
    failures: list[int],
    expect: Sequence[int],
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for request in waiting:
            before = time.perf_counter()
            writer.write(request)
            status = await _status(reader)
            latencies.append(time.perf_counter() - before)
            if status not in expect:
                failures.append(status)
    finally:
        writer.close()


async def _status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    start = lower.index(b"content-length:") + 15
    length = int(lower[start : lower.index(b"\r\n", start)])
    if length:
        await reader.readexactly(length)
    return int(head[9:12])
