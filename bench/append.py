"""Appending over HTTP, one event a request, durable: ours, a hand-written handler, the stock save.

Rounds alternate between the three, each a server process of its own against the same PostgreSQL.
"""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bench.load import Measured, request_bytes, run
from bench.processes import running
from bench.sample import bodies
from interfaces.composition.serving import issuer

CONNECTIONS = 64
PATH = "/v1/order-history/events"


def append(url: str, data_dir: Path, *, rounds: int = 3, requests: int = 20_000) -> dict[str, list[Measured]]:
    """Measured rounds by competitor."""
    token = issuer(data_dir).mint("bench", ["bench"], ["producer"], 3600)
    parts = urlsplit(url)
    socket_dir = parse_qs(parts.query)["host"][0]
    env = {"ORDER_HISTORY_DATABASE_URL": url, "ORDER_HISTORY_DATA_DIR": str(data_dir)}
    ours = ["interfaces.cli.main", "api", "--port", "{port}"]
    stock = ["bench.stock", socket_dir, parts.path[1:], parts.username or "postgres", "{port}"]
    found: dict[str, list[Measured]] = {"ours": [], "hand-written": [], "stock save()": []}
    for number in range(rounds):
        sent = bodies(requests, prefix=f"a{number}")
        with running(ours, env) as port:
            found["ours"].append(_run(port, PATH, sent, token))
        with running(["bench.handwritten", url, "{port}"]) as port:
            found["hand-written"].append(_run(port, "/events", sent, token))
        with running(stock) as port:
            found["stock save()"].append(_run(port, "/events", sent[: requests // 4], token))
    return found


def _run(port: int, path: str, sent: list[bytes], token: str) -> Measured:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    requests = [request_bytes("POST", path, body, headers) for body in sent]
    warm, measured = requests[: len(requests) // 10], requests[len(requests) // 10 :]
    asyncio.run(run(port, warm, connections=CONNECTIONS))
    return asyncio.run(run(port, measured, connections=CONNECTIONS))


def median(rounds: list[Measured], figure: str) -> float:
    """The median of a figure over rounds."""
    return statistics.median(getattr(one, figure) for one in rounds)
