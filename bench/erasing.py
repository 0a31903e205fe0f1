"""What it takes to forget a person, asked for by HTTP, and what reads take meanwhile; against what
a hand-made audit table would have: one UPDATE that empties the columns, and a VACUUM of the table.

That UPDATE leaves the old values in the WAL, in backups and, until the VACUUM, in the table; and
nothing is read again, and nothing told. It is here to show what the rest costs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import uvloop

from bench.figures import Aim, Row
from bench.filling import fill
from bench.ground import Ground, token
from bench.load import Connection, Failed, request_bytes, summary
from bench.processes import WORKER, api, program, server
from bench.sample import bodies, long_order
from bench.scale import Say, Scale
from interfaces.composition.connections import blocking
from interfaces.composition.maintenance import rebuild_models
from interfaces.settings import Settings

_BASE = "/v1/order-history"
_EVENTS_AN_ORDER = 10
_QUIET_SECONDS = 3.0
_READ = "/orders/long/timeline?limit=50"
TABLE = """
create table bench_audit as
select sequence, (convert_from(state, 'UTF8')::jsonb) as told,
       convert_from(state, 'UTF8')::jsonb #>> '{payload,customer_id}' as customer_id,
       repeat('personal', 20) as personal
  from events where tenant_id = 'bench'
"""
INDEX = "create index on bench_audit (customer_id)"
BY_HAND = "update bench_audit set personal = null where customer_id = 'cus_forgotten'"


def erasing(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """One erasure of a tenth of all events, by customer id."""
    erased = scale.stored_events // 10
    with ground.installation() as settings:
        fill(settings, bodies(scale.stored_events))
        fill(settings, [*long_order("long", 50), *_of_subject(erased)])
        asyncio.run(rebuild_models(settings, [], lambda *_: None))
        by_hand = _by_hand(settings)
        with program(WORKER, settings), server(api(), settings) as ours:
            seconds, quiet, meanwhile, report = uvloop.run(_measured(ours.port, settings))
    assert report["events"] == erased, report
    say(f"{erased:,} events erased in {seconds:.1f} s; by hand {by_hand:.1f} s: {report['stores']}")
    aim = Aim("<=", 10_000, "figure")
    yield Row(
        f"erase {erased:,} events; UPDATE by hand", "ms", [seconds * 1000], [by_hand * 1000], aim
    )
    yield Row("p95 of a page of 50 meanwhile; before", "ms", [meanwhile], [quiet])


def _of_subject(count: int) -> Iterator[bytes]:
    for number in range(count):
        order_id = f"forgotten-{number // _EVENTS_AN_ORDER}"
        at = f"2025-03-{number % 28 + 1:02}T12:00:00Z"
        yield msgspec.json.encode(
            {
                "event_id": f"f-{number}", "order_id": order_id, "occurred_at": at,
                "source": "shop",
                "type": "order.updated" if number % _EVENTS_AN_ORDER else "order.created",
                "schema_version": "v1",
                "payload": {
                    "customer_id": "cus_forgotten",
                    "customer": {"email": "forgotten@example.org", "name": "Flo Gotten"},
                    "shipping_address": {"name": "Flo Gotten", "line1": f"{number} High Street"},
                },
                "metadata": {"actor_id": f"clerk-{number % 7}", "ip": "192.0.2.7"},
            }
        )  # fmt: skip


async def _measured(port: int, settings: Settings) -> tuple[float, float, float, dict[str, Any]]:
    """Seconds of the erasure, p95 in ms of reads before and meanwhile, and the report."""
    asking, reading = await Connection.open(port), await Connection.open(port)
    admin = {"Authorization": token(settings, "admin"), "Content-Type": "application/json"}
    read = request_bytes("GET", _BASE + _READ, headers=admin)
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(_QUIET_SECONDS, over.set)
    quiet = await _reads(reading, read, over)
    over.clear()
    meanwhile = asyncio.ensure_future(_reads(reading, read, over))
    body = msgspec.json.encode({"subject_id": "cus_forgotten"})
    begun = time.perf_counter()
    _, made = await asking.ask(request_bytes("POST", f"{_BASE}/gdpr/erase-request", body, admin))
    where = f"{_BASE}/gdpr/{msgspec.json.decode(made)['job_id']}"
    while True:
        _, told = await asking.ask(request_bytes("GET", where, headers=admin))
        job = msgspec.json.decode(told)
        if job["status"] not in ("queued", "running"):
            break
        await asyncio.sleep(0.05)
    seconds = time.perf_counter() - begun
    over.set()
    if job["status"] != "succeeded":
        raise Failed(f"the erasure {job['status']}: {job['errors']}")
    return seconds, quiet, await meanwhile, job["result"]


async def _reads(connection: Connection, request: bytes, over: asyncio.Event) -> float:
    """p95 in ms, one request after the other, ten milliseconds apart."""
    taken = []
    while not over.is_set():
        begun = time.perf_counter()
        status, body = await connection.ask(request)
        taken.append(time.perf_counter() - begun)
        if status != 200:
            raise Failed(f"{status}: {body[:300].decode(errors='replace')}")
        await asyncio.sleep(0.01)
    return summary(taken, 1.0).p95


def _by_hand(settings: Settings) -> float:
    """Seconds."""
    with blocking(settings, "bench", as_owner=True)() as connection:
        connection.execute(TABLE)
        connection.execute(INDEX)
        connection.execute("vacuum analyze bench_audit")
        begun = time.perf_counter()
        connection.execute(BY_HAND)
        connection.execute("vacuum bench_audit")
        return time.perf_counter() - begun
