"""What it takes to fill personal values in: a page of 50 events masked, the same page filled in,
and a hand-written SELECT with the decryption of what it finds.

Of one order, all of it under one key; and of 50 orders, each under its own. Two servers are asked
for the two pages one by one (`pairs.py`). The hand-written one runs in this process, on a
connection of its own, its keys unwrapped beforehand, as the server's are.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.figures import Aim, Row
from bench.filling import fill
from bench.ground import TENANT, Ground, token
from bench.load import request_bytes
from bench.pairs import Side, compared
from bench.processes import api, server
from bench.sample import bodies
from bench.scale import Say, Scale
from infrastructure.key_store.files import FileKeyStore
from interfaces.composition.connections import blocking
from interfaces.composition.installations import key_directory
from interfaces.composition.maintenance import rebuild_models
from interfaces.settings import Settings

_PAGE = 50
_MOST_MS = 3.0
_ADDRESS = {"name": "Ada Example", "line1": "1 Example Road", "city": "Bath", "country": "GB"}
_PAGES = {
    "one order": ("revealed", "/orders/revealed/timeline?limit=50"),
    "50 orders": ("revealed-each", "/events?source=revealed-each&limit=50"),
}
SELECT = """
select d.sequence, d.sealed, d.key_id from disclosures d
 where d.tenant_id = %s and d.sequence = any(%s)
"""
KEYS = "select key_id, bucket, bucket_key_id, wrapped from data_keys where tenant_id = %s"
SEQUENCES = """
select sequence from order_events where tenant_id = %s and source = %s order by sequence limit %s
"""


def revealing(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """What it adds to a masked page, against the hand-written one."""
    with ground.installation() as settings, ExitStack() as stack:
        _fill(settings, scale)
        servers = [stack.enter_context(server(api(), settings)) for _ in range(2)]
        for name, (source, path) in _PAGES.items():
            masked, filled = (
                Side(
                    running, [_asked(settings, path, role)] * max(200, scale.reads // scale.rounds)
                )
                for running, role in zip(servers, ("history_reader", "support"), strict=True)
            )
            measured = [compared(masked, filled) for _ in range(scale.rounds + 1)][1:]
            row = Row(
                f"filling in a page of {_PAGE} of {name}; by hand", "ms",
                [one.more for one in measured], _by_hand(settings, source, scale),
                Aim("<=", _MOST_MS, of="figure"),
            )  # fmt: skip
            cpu = Row("  processor's time", "ms", [one.cpu_more for one in measured])
            say(f"{row.what}: {row.figure:.2f} ms more than {measured[0].ms:.2f} ms masked;"
                f" processor's time {cpu.figure:.2f} ms")  # fmt: skip
            yield from (row, cpu)


def _asked(settings: Settings, path: str, role: str) -> bytes:
    headers = {"Authorization": token(settings, role)}
    return request_bytes("GET", f"/v1/order-history{path}", headers=headers)


def _fill(settings: Settings, scale: Scale) -> None:
    fill(settings, [*bodies(scale.stored_events // 10), *_events()])
    asyncio.run(rebuild_models(settings, [], lambda *_: None))
    with blocking(settings, "bench", as_owner=True)() as connection:
        connection.execute("vacuum analyze")


def _events() -> Iterator[bytes]:
    """Six personal values in each: five of the order's, one of an actor's."""
    for source in ("revealed", "revealed-each"):
        for number in range(_PAGE):
            order_id = source if source == "revealed" else f"{source}-{number}"
            customer = {"id": f"cus-{number}", "email": "ada@example.com", "name": "Ada Example"}
            yield msgspec.json.encode(
                {
                    "event_id": f"{source}-{number}",
                    "order_id": order_id,
                    "occurred_at": "2025-01-01T00:00:00Z",
                    "source": source,
                    "type": "order.created",
                    "schema_version": "v1",
                    "payload": {"customer": customer, "shipping_address": _ADDRESS},
                    "metadata": {"actor_id": f"clerk-{number % 7}", "ip": "192.0.2.1"},
                }
            )


def _by_hand(settings: Settings, source: str, scale: Scale) -> list[float]:
    """ms of each round: the query, and everything that it finds in the clear."""
    found = []
    with blocking(settings, "bench", as_owner=True)() as connection:
        keys = _keys(settings, connection)
        rows = connection.execute(SEQUENCES, (TENANT, source, _PAGE)).fetchall()
        sequences = [row[0] for row in rows]
        for _ in range(scale.rounds):
            taken = []
            for _ in range(max(20, scale.reads // scale.rounds)):
                begun = time.perf_counter()
                values = _values(connection, sequences, keys)
                taken.append((time.perf_counter() - begun) * 1000)
            assert len(values) == 6 * _PAGE, len(values)
            found.append(statistics.quantiles(taken, n=10)[0])
    return found


def _values(
    connection: psycopg.Connection[Any], sequences: list[int], keys: Mapping[UUID, AESGCM]
) -> list[Any]:
    cursor = connection.execute(SELECT, (TENANT, sequences), binary=True)
    values = []
    for sequence, sealed, key_id in cursor.fetchall():
        place = f"{TENANT}/{sequence}".encode()
        text = keys[key_id].decrypt(sealed[:12], sealed[12:], place)
        for one in text.split(b"."):
            salted = msgspec.json.decode(urlsafe_b64decode(one + b"=" * (-len(one) % 4)))
            values.append(salted[2])
    return values


def _keys(settings: Settings, connection: psycopg.Connection[Any]) -> dict[UUID, AESGCM]:
    store = FileKeyStore(key_directory(settings.data_dir))
    found = {}
    for key_id, bucket, bucket_key_id, wrapped in connection.execute(KEYS, (TENANT,)).fetchall():
        bucket_key = AESGCM(store.bucket_key(TENANT, bucket, bucket_key_id))
        found[key_id] = AESGCM(bucket_key.decrypt(wrapped[:12], wrapped[12:], key_id.bytes))
    return found
