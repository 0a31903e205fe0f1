"""Appending over HTTP, one event a request, durable: ours, a hand-written handler, the stock save.

Each is a server process of its own against the same PostgreSQL; every round begins with another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

from bench.figures import Aim, Row
from bench.ground import Ground, token
from bench.load import Measured, drive, request_bytes
from bench.processes import api, handwritten, server
from bench.sample import bodies
from bench.scale import Say, Scale
from interfaces.settings import Settings

CONNECTIONS = 64
OURS, HAND, STOCK = "ours", "hand-written", "stock save()"


def append(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Rates and quantiles of all three."""
    found: dict[str, list[Measured]] = {OURS: [], HAND: [], STOCK: []}
    with ground.installation() as settings:
        runs = _competitors(settings, scale.appends)
        names = list(runs)
        for number in range(scale.rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                one = runs[name](f"{number}-")
                found[name].append(one)
                say(f"append, {name}: {one.rate:,.0f}/s, p99 {one.p99:.1f} ms")
    ours, hand, stock = found[OURS], found[HAND], found[STOCK]
    rates = [[one.rate for one in rounds] for rounds in (ours, hand, stock)]
    yield Row("append over HTTP, hand-written INSERT", "/s", rates[0], rates[1], Aim(">=", 1.5))
    yield Row("append over HTTP, stock save()", "/s", rates[0], rates[2], Aim(">=", 3))
    p50, p50_hand = [one.p50 for one in ours], [one.p50 for one in hand]
    p99, p99_hand = [one.p99 for one in ours], [one.p99 for one in hand]
    yield Row("  p50, hand-written", "ms", p50, p50_hand)
    yield Row("  p99, hand-written", "ms", p99, p99_hand, Aim("<=", 1))
    yield Row("  p99, stock save()", "ms", p99, [one.p99 for one in stock])


def _competitors(settings: Settings, requests: int) -> dict[str, Callable[[str], Measured]]:
    headers = {"Authorization": token(settings, "producer"), "Content-Type": "application/json"}
    parts = urlsplit(settings.database_url)
    socket_dir = parse_qs(parts.query)["host"][0]
    stock = ["bench.stock", socket_dir, parts.path[1:], parts.username or "postgres", "{port}"]
    commands = {
        OURS: (api(), "/v1/order-history/events", requests),
        HAND: (handwritten(settings), "/events", requests),
        STOCK: (stock, "/events", requests // 4),
    }

    def run(name: str, prefix: str) -> Measured:
        argv, path, count = commands[name]
        sent = [request_bytes("POST", path, body, headers) for body in bodies(count, prefix=prefix)]
        with server(argv, settings) as running:
            drive(running.port, sent[: count // 10], connections=CONNECTIONS)  # warms up
            return drive(running.port, sent[count // 10 :], connections=CONNECTIONS)

    # mypy knows no type for a lambda with a default; each keeps its own name by it.
    return {name: lambda prefix, name=name: run(name, prefix) for name in commands}  # type: ignore[misc]
