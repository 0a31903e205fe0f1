"""What authorising adds to a request: the same event from a server that asks who is asking (token,
rights, scope), and from one in which everybody is the same caller.

Both run throughout, and are asked one by one (`pairs.py`).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx

from bench.figures import Aim, Row
from bench.filling import fill
from bench.ground import TENANT, Ground, token
from bench.load import request_bytes
from bench.pairs import Side, compared
from bench.processes import api, server
from bench.sample import bodies, long_order
from bench.scale import Say, Scale
from interfaces.composition.connections import blocking
from interfaces.composition.maintenance import rebuild_models
from interfaces.composition.serving import issuer
from interfaces.settings import Settings

_BASE = "/v1/order-history"
_EVENT = f"{_BASE}/events/authorised-0"
_MOST_MS = 0.150
_SCOPES = {
    "by-type": {"types": ["order.*"], "sources": ["warehouse"]},
    "by-channel": {"channels": ["web"]},
}
Requests = Callable[[int], list[bytes]]
"""Makes so many."""


def authorising(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """What is added, for each way to be known. An order's channel is read beside the event."""
    with ground.installation() as settings, ExitStack() as stack:
        _fill(settings, scale)
        asking = stack.enter_context(server(api(), settings))
        fixed = stack.enter_context(server(["bench.fixed_caller", "{port}"], settings))
        for name, requests in _kinds(settings, asking.port).items():
            pairs = []
            for _ in range(scale.rounds + 1):
                asked = requests(max(200, scale.reads // scale.rounds))
                pairs.append(compared(Side(fixed, asked), Side(asking, asked)))
            measured = pairs[1:]  # the first warms up
            row = Row(f"authorising, {name}", "ms", [one.more for one in measured], (),
                      Aim("<=", _MOST_MS, of="figure"))  # fmt: skip
            cpu = Row("  processor's time", "ms", [one.cpu_more for one in measured])
            say(f"{row.what}: {row.figure * 1000:.0f} µs more than {measured[0].ms:.2f} ms;"
                f" processor's time {cpu.figure * 1000:.0f} µs")  # fmt: skip
            yield from (row, cpu)


def _kinds(settings: Settings, port: int) -> dict[str, Requests]:
    local, numbers = issuer(settings.data_dir), itertools.count(1)

    def again(authorization: str) -> Requests:
        return lambda count: [_asked(authorization)] * count

    def new(count: int) -> list[bytes]:
        names = [f"bench-{next(numbers)}" for _ in range(count)]
        tokens = [local.mint(name, [TENANT], ["history_reader"], 3600) for name in names]
        return [_asked(f"Bearer {one}") for one in tokens]

    _make_roles(settings, port)
    return {
        "a token met before": again(token(settings, "history_reader")),
        "a new token each time": new,
        "a role limited by type and source": again(token(settings, "by-type")),
        "a role limited by channel": again(token(settings, "by-channel")),
    }


def _asked(authorization: str) -> bytes:
    return request_bytes("GET", _EVENT, headers={"Authorization": authorization})


def _make_roles(settings: Settings, port: int) -> None:
    headers = {"Authorization": token(settings, "admin")}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}{_BASE}", headers=headers) as client:
        for role, scope in _SCOPES.items():
            body = {"role": role, "permissions": ["events.read"], "scope": scope}
            client.post("/roles", json=body).raise_for_status()


def _fill(settings: Settings, scale: Scale) -> None:
    order = list(long_order("authorised", 2))
    order[0] = order[0].replace(b'"number":"X-1"', b'"number":"X-1","channel":"web"')
    fill(settings, [*bodies(scale.stored_events // 10), *order])
    asyncio.run(rebuild_models(settings, [], lambda *_: None))
    with blocking(settings, "bench", as_owner=True)() as connection:
        connection.execute("vacuum analyze")
