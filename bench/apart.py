"""What another tenant has, against what never was: the same answer must take the same time.

Requests alternate one by one on one connection, which of the two comes first changing each time, so
that whatever disturbs the machine disturbs both. Ours is what another tenant has.
"""

from __future__ import annotations

import asyncio
import http.client
import statistics
import time
from collections.abc import Iterator
from contextlib import closing

import msgspec

from bench.figures import Aim, Row
from bench.filling import fill
from bench.ground import Ground, token, token_of
from bench.load import Failed
from bench.processes import WORKER, api, program, server
from bench.sample import bodies
from bench.scale import Say, Scale
from interfaces.composition.maintenance import rebuild_models
from interfaces.settings import Settings

_BASE = "/v1/order-history"
_OTHER = "other"
_WARM = 100
_JSON = {"Content-Type": "application/json"}
_EVENT = {
    "event_id": "evt_hidden", "order_id": "ord_hidden", "occurred_at": "2025-01-01T00:00:00Z",
    "source": "shop", "type": "order.created", "schema_version": "v1", "payload": {},
}  # fmt: skip
_SNAPSHOT = {
    "snapshot_id": "snap_hidden", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
    "state": {"status": "paid"},
}  # fmt: skip


def apart(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Medians of each kind of thing."""
    with ground.installation() as settings:
        fill(settings, bodies(scale.stored_events))
        asyncio.run(rebuild_models(settings, [], lambda *_: None))
        with (
            program(WORKER, settings),
            server(api(), settings) as ours,
            closing(http.client.HTTPConnection("127.0.0.1", ours.port)) as connection,
        ):
            job = _hide(connection, settings)
            headers = {"Authorization": token(settings, "admin")}
            for what, hidden, nothing in (
                ("event", "/events/evt_hidden", "/events/evt_nobody"),
                ("timeline", "/orders/ord_hidden/timeline", "/orders/ord_nobody/timeline"),
                ("state", "/orders/ord_hidden/snapshot", "/orders/ord_nobody/snapshot"),
                ("snapshot", "/snapshots/snap_hidden", "/snapshots/snap_nobody"),
                ("job", f"/jobs/{job}", f"/jobs/{job[:-6]}000000"),
            ):
                found = [
                    _medians(connection, (hidden, nothing), headers, scale.reads // scale.rounds)
                    for _ in range(scale.rounds)
                ]
                ours_, theirs = ([one[at] for one in found] for at in (0, 1))
                row = Row(f"{what} of another tenant; none", "ms", ours_, theirs, Aim("<=", 1.1))
                say(f"{row.what}: {row.figure:.3f} ms, ratio {row.ratio:.3f}")
                yield row


def _hide(connection: http.client.HTTPConnection, settings: Settings) -> str:
    """Give another tenant an event, its order, a snapshot and a job; the job's id."""
    headers = {"Authorization": token_of(settings.data_dir, _OTHER, "admin"), **_JSON}
    line = msgspec.json.encode({**_EVENT, "event_id": "evt_line"})
    _answer(connection, "POST", "/events", headers, msgspec.json.encode(_EVENT))
    path = "/orders/ord_hidden/snapshots"
    _answer(connection, "POST", path, headers, msgspec.json.encode(_SNAPSHOT))
    ndjson = {**headers, "Content-Type": "application/x-ndjson", "Prefer": "wait=20"}
    made = msgspec.json.decode(_answer(connection, "POST", "/events/bulk", ndjson, line))
    for path in ("/events/evt_hidden", "/snapshots/snap_hidden", "/orders/ord_hidden/timeline"):
        _answer(connection, "GET", path, {**headers, "X-Min-Sequence": "3"})
    return str(made["job_id"])


def _medians(
    connection: http.client.HTTPConnection,
    paths: tuple[str, str],
    headers: dict[str, str],
    count: int,
) -> tuple[float, float]:
    """Of so many requests for each path, in milliseconds. Raises Failed unless all are 404."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(_WARM + count):
        for at in (0, 1) if number % 2 else (1, 0):
            begun = time.perf_counter()
            _answer(connection, "GET", paths[at], headers, expected=404)
            taken[at].append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken[0][_WARM:]), statistics.median(taken[1][_WARM:])


def _answer(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes | None = None,
    expected: int = 0,
) -> bytes:
    connection.request(method, _BASE + path, body, headers)
    answer = connection.getresponse()
    told = answer.read()
    if answer.status != expected if expected else answer.status >= 300:
        raise Failed(f"{method} {path}: {answer.status}")
    return told
