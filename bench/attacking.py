"""Hostile queries, one after another on each of some connections, until it is ended.

Run as `python -m bench.attacking DATA_DIR PORT SECONDS`; tells at the end, if `BENCH_SHOW` is set,
how often which status was answered, and how many milliseconds the slowest of each took.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench.ground import token_of
from bench.load import Connection, request_bytes

TENANT = "hostile"
CONNECTIONS = 8

_SEARCH, _COUNT = "/search", "/aggregations"
_KILOBYTES = 250
"""Of the largest bodies: a little less than is read at all."""


def attacks(seed: int) -> list[tuple[str, bytes]]:
    """Paths and bodies: refused for what they are, refused for their cost, or answered."""
    chance = random.Random(seed)
    asked: list[tuple[str, dict[str, Any]]] = [
        (_SEARCH, {"query": _residual(chance, 250), "limit": 1000}),
        (_SEARCH, {"query": _residual(chance, 250), "return": "orders", "limit": 1000}),
        (_SEARCH, {"query": _wide_words(), "sort": ["relevance"], "limit": 1000}),
        (_SEARCH, {"query": _wide_words(), "sort": ["amount"], "limit": 1000}),
        (_SEARCH, {"query": _wide_values(chance), "return": "orders", "limit": 1000}),
        (_SEARCH, {"query": _of_orders(chance), "sort": ["amount"], "limit": 1000}),
        (_SEARCH, {"query": {"all": [{"ident": f"{n:03}"} for n in range(250)]}}),
        (_SEARCH, {"query": _nested({"text": "order"}, 15), "limit": 1000}),
        (_SEARCH, {"query": {"all": [{"text": "a"}] * 10_000}}),
        (_SEARCH, {"query": {"any": [{"text": "\ufdfa" * 1_000} for _ in range(10)]}}),
        (_SEARCH, {"query": {"any": [{"text": "\U0001d15e\u0301" * 40_000}]}}),
        (_COUNT, {"query": _residual(chance, 250), "group_by": ["payload.gateway"]}),
        (_COUNT, {"group_by": ["order_id", "actor_id", "type", "source"]}),
    ]
    bodies = [(path, msgspec.json.encode(body)) for path, body in asked]
    nested = b'{"query":' + b'{"not":' * 30_000 + b"1" + b"}" * 30_001
    number = b'{"query":{"field":"sequence","gt":%b}}'
    bodies += [(_SEARCH, nested), (_SEARCH, b'{"query":' + b"[" * _KILOBYTES * 1_000)]
    bodies += [(_SEARCH, number % value) for value in (b"1e400", b"9" * _KILOBYTES * 1_000)]
    chance.shuffle(bodies)
    return bodies


def _residual(chance: random.Random, clauses: int) -> dict[str, Any]:
    """Every event has to be read, and held against so many conditions, none of which is true."""
    conditions = [
        {"field": f"payload.a{n}.b.c", "gt": chance.randrange(10**15)} for n in range(clauses)
    ]
    return {"all": [{"text": "order"}, {"any": conditions}]}


def _wide_words() -> dict[str, Any]:
    return {"any": [{"text": f"order w{n}"} for n in range(250)] + [{"text": "order"}]}


def _wide_values(chance: random.Random) -> dict[str, Any]:
    values = [[f"SKU-{chance.randrange(10**6)}" for _ in range(100)] for _ in range(120)]
    return {"all": [{"not": {"field": "payload.sku", "in": some}} for some in values]}


def _of_orders(chance: random.Random) -> dict[str, Any]:
    parts = [{"field": "order.total_minor", "gt": chance.randrange(10**12)} for _ in range(250)]
    return {"any": parts}


def _nested(query: dict[str, Any], depth: int) -> dict[str, Any]:
    for _ in range(depth):
        query = {"not": query}
    return query


async def _attack(port: int, requests: Sequence[bytes], told: Counter[str], end: float) -> None:
    connection = await Connection.open(port)
    while True:
        for request in requests:
            before = time.monotonic()
            if before > end:
                connection.close()
                return
            status, _ = await connection.ask(request)
            told[str(status)] += 1
            slowest = f"{status} slowest ms"
            told[slowest] = max(told[slowest], round((time.monotonic() - before) * 1000))


async def _run(data_dir: Path, port: int, seconds: float) -> Counter[str]:
    headers = {"Authorization": token_of(data_dir, TENANT, "support")}
    headers["Content-Type"] = "application/json"
    told: Counter[str] = Counter()
    end = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for seed in range(CONNECTIONS):
            requests = [
                request_bytes("POST", f"/v1/order-history{path}", body, headers)
                for path, body in attacks(seed)
            ]
            group.create_task(_attack(port, requests, told, end))
    return told


if __name__ == "__main__":
    told = uvloop.run(_run(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
    print(dict(sorted(told.items())), file=sys.stderr)
