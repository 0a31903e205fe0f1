"""A person is erased from a real installation: nothing of them is left in a dump of the database,
in the data directory, in logs, metrics and traces, neither plain nor in what a key opens."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import psycopg
import pytest

from infrastructure.postgres import binaries
from infrastructure.postgres.connect import address
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.interfaces.http.journeys.erasing import ANN, HOME, erase, told
from tests.interfaces.http.journeys.house import BASE, Json, Shop
from tests.long.harness import Installation, report, token
from tests.long.remains import Needles, keys_in, sealed_in, wrapped_in

pytestmark = [pytest.mark.long, pytest.mark.anyio]

TENANT = "acme"
OF_ANN = Needles(
    [
        ANN["email"], ANN["name"], ANN["phone"], HOME["line1"], "14 Rowan Walk", HOME["city"],
        "gate code 77", "198.51.100.7",
    ]
)  # fmt: skip
OF_BEN = Needles(["ben@example.org", "Ben Oakes", "3 Elm Row"])
REJECTED = b'{"event_id": "x", "customer": "ann.marlow@example.org"'
OTHER_REJECTED = b'{"event_id": "y", "customer": "ben@example.org"'


@pytest.fixture
def collected() -> Iterator[tuple[str, list[bytes]]]:
    """The URL of a collector of traces, and what came to it."""
    came: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server asks for
            body = self.rfile.read(int(self.headers["content-length"]))
            packed = self.headers.get("content-encoding") == "gzip"
            came.append(gzip.decompress(body) if packed else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", came
        server.shutdown()


@pytest.fixture
def talkative(
    data_dir: Path, collected: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """An installation that logs and traces whatever it can."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "debugging"))
    monkeypatch.setenv("ORDER_HISTORY_TRACES_URL", collected[0])
    monkeypatch.setenv("ORDER_HISTORY_TRACES_RATIO", "1")
    made = Installation(data_dir)
    yield made
    made.program.kill()
    with EmbeddedPostgres(data_dir):  # its last user: leaving stops it
        pass


@asynccontextmanager
async def opened(installation: Installation) -> AsyncIterator[Shop]:
    """A tenant of the running program, whose database logs every statement."""
    clients: list[httpx.AsyncClient] = []

    def client(role: str, tenant: str) -> httpx.AsyncClient:
        bearer = {"Authorization": f"Bearer {token(installation.data_dir, tenant, role)}"}
        clients.append(httpx.AsyncClient(base_url=installation.address, headers=bearer, timeout=60))
        return clients[-1]

    shop = Shop(cast(Any, SimpleNamespace(client=client)), TENANT)
    while True:
        with suppress(httpx.HTTPError):
            if (await shop.as_role("admin").get(f"{BASE}/events")).status_code == 200:
                break
        await asyncio.sleep(0.2)
    with owned(installation) as connection:
        connection.execute("alter system set log_statement = 'all'")
        connection.execute("alter system set log_min_duration_statement = 0")
        connection.execute("select pg_reload_conf()")
    yield shop
    for one in clients:
        await one.aclose()


def owned(installation: Installation) -> psycopg.Connection[Any]:
    return psycopg.connect(
        address(installation.url, "cell_0", name="remains", as_owner=True), autocommit=True
    )


async def whatever_may_leave_something(shop: Shop) -> None:
    """Reads, searches and mistakes with the person's values in them."""
    producer, admin = shop.as_role("producer"), shop.as_role("admin")
    lines = {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}
    bad = REJECTED + b"\n" + OTHER_REJECTED
    made = await producer.post(f"{BASE}/events/bulk", content=bad, headers=lines)
    assert made.json()["status"] == "succeeded", made.text
    event = shop.event("ann_1", payload={"customer": ANN}, type="order.created")
    for path, body in (
        ("/events/validate", event),
        ("/events", {**event, "event_id": "evt_1"}),  # a conflict
        ("/events", {**event, ANN["email"]: 1, "order_id": ANN["email"]}),
        ("/search", {"query": {"ident": ANN["email"]}}),
        ("/search", {"query": {"text": ANN["name"]}}),
        ("/gdpr/access-request", {"subject_id": ANN["email"]}),
        ("/gdpr/access-request", {"subject_id": "cust_ann"}),
        ("/gdpr/access-request", {"subject_id": f"{ANN['email']} {ANN['name']}"}),
    ):
        answer = await (producer if path.startswith("/events") else admin).post(
            BASE + path, json=body
        )
        assert answer.status_code < 500, answer.text
    for path in (
        "/events", "/orders/ann_1/timeline", "/orders/ann_1/snapshot", "/snapshots/snap",
        f"/orders/{ANN['email']}/timeline", f"/events?source={ANN['email']}",
    ):  # fmt: skip
        assert (await admin.get(BASE + path)).status_code < 500


async def told_of(installation: Installation, shop: Shop) -> bytes:
    """What the service tells of itself."""
    admin = shop.as_role("admin")
    answers = [
        await admin.get(path)
        for path in ("/metrics", f"{BASE}/metrics", f"{BASE}/health", f"{BASE}/diagnostics",
                     f"{BASE}/jobs", f"{BASE}/audit", f"{BASE}/events?type=history.*")
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {200}
    return b"\n".join(answer.content for answer in answers)


def dumped(installation: Installation) -> bytes:
    """The database as SQL text."""
    path = installation.data_dir.parent / f"{installation.data_dir.name}.sql"
    binaries.run("pg_dump", "-d", installation.url, "-f", str(path))
    return path.read_bytes()


async def test_nothing_is_left_of_who_was_forgotten(
    talkative: Installation, collected: tuple[str, list[bytes]]
) -> None:
    keys = talkative.data_dir / "keys"
    async with opened(talkative) as shop:
        await told(shop)
        await whatever_may_leave_something(shop)
        with owned(talkative) as connection:
            sealed, wrapped = sealed_in(connection), wrapped_in(connection)
        before = OF_ANN.opened(sealed, keys_in(keys, wrapped))
        assert len({one.partition(" (")[0] for one in before}) == 8, "all are there to be found"
        for subject in ("cust_ann", ANN["email"]):
            job: Json = await erase(shop, subject, reason="asked for")
            assert job["status"] == "succeeded", job
        assert (
            "Ben Oakes" in (await shop.as_role("admin").get(f"{BASE}/orders/ben_1/timeline")).text
        )
        assert OF_ANN.within(await told_of(talkative, shop)) == set()
        assert OF_ANN.within(dumped(talkative)) == set()
        with owned(talkative) as connection:
            left, data_keys = sealed_in(connection), wrapped_in(connection)
    held = keys_in(keys, [*wrapped, *data_keys])
    assert OF_BEN.opened(left, held), "what is left of others opens"
    assert OF_ANN.opened(left, held) == set()
    # As a replica, the write-ahead log or a backup of the database may have it.
    assert OF_ANN.opened(sealed, held) == set()
    assert talkative.program.stop() == 0
    with EmbeddedPostgres(talkative.data_dir):
        pass
    log = (talkative.data_dir / "serve.log").read_bytes()
    server_log = (talkative.data_dir / "postgres" / "log").read_bytes()
    assert b"everything is logged" in log
    assert b"insert into events" in server_log
    assert OF_ANN.below(talkative.data_dir) == {}
    came = b"\n".join(collected[1])
    assert b"POST" in came, "traces were sent"
    assert OF_ANN.within(came) == set()
    report(f"{len(log):,} bytes of the program's log, {len(server_log):,} of the database's,"
           f" {len(came):,} of traces; {len(left)} sealed values, {len(held):,} keys")  # fmt: skip
