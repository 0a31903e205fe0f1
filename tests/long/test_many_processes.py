"""Four API processes and two workers on one database, with writers and tailing readers on each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest

from infrastructure.postgres.connect import address
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.long.harness import Program, free_port, report, run, tokens, until
from tests.long.load import Load
from tests.long.verifying import verify, verify_read_models

pytestmark = [pytest.mark.long, pytest.mark.anyio]

APIS, WORKERS = 4, 2
SECONDS = 40
TENANTS = ("acme", "nova")


class Cluster:
    """The processes, on the database of `url`."""

    def __init__(self, url: str, data_dir: Path) -> None:
        common = ("--database-url", url, "--data-dir", str(data_dir))
        self.url, self.data_dir = url, data_dir
        ports = [free_port() for _ in range(APIS)]
        self.addresses = [f"http://127.0.0.1:{port}" for port in ports]
        self.apis = [
            Program(data_dir / f"api{n}.log", "api", "--port", str(port), *common)
            for n, port in enumerate(ports)
        ]
        self.workers = [
            Program(data_dir / f"worker{n}.log", "worker", *common) for n in range(WORKERS)
        ]
        for program in (*self.apis, *self.workers):
            program.start()


@pytest.fixture
def cluster(data_dir: Path) -> Iterator[tuple[Cluster, dict[str, str]]]:
    with EmbeddedPostgres(data_dir) as server:
        run("migrate", "--database-url", server.url())
        made = Cluster(server.url(), data_dir)
        yield made, tokens(data_dir, TENANTS)
        for program in (*made.apis, *made.workers):
            program.kill()


class Tail:
    """Follows a tenant's stream at one process, leaving and coming back every now and then."""

    def __init__(self, base: str, tenant: str, token: str, stay: int) -> None:
        self._base = base
        self._headers = {"Authorization": f"Bearer {token}"}
        self._stay = stay
        self.tenant = tenant
        self.seen: list[tuple[int, str, str]] = []
        self.connections = 0

    def has(self, count: int) -> bool:
        return len(self.seen) >= count

    async def follow(self) -> None:
        async with httpx.AsyncClient(base_url=self._base, timeout=20) as client:
            while True:
                with suppress(httpx.TransportError):
                    async for event_id, data in self._events(client):
                        view = json.loads(data)
                        self.seen.append((event_id, view["event_id"], view["integrity"]["sha256"]))
                await asyncio.sleep(0.1)

    async def _events(self, client: httpx.AsyncClient) -> AsyncIterator[tuple[int, str]]:
        last = self.seen[-1][0] if self.seen else 0
        headers = {**self._headers, "Last-Event-ID": str(last)}
        path = "/v1/order-history/events/stream"
        async with client.stream("GET", path, headers=headers) as answer:
            if answer.status_code != 200:
                return
            self.connections += 1
            count, event_id = 0, 0
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    event_id = int(line[4:])
                elif line.startswith("data: "):
                    yield event_id, line[6:]
                    count += 1
                    if count == self._stay:
                        return


ALL = "select sequence, event_id, encode(entry, 'hex') from events where tenant_id = %s order by 1"


async def test_nothing_lost_nothing_twice_in_order(
    cluster: tuple[Cluster, dict[str, str]],
) -> None:
    made, tokens_ = cluster
    tails = [
        Tail(base, TENANTS[n % 2], tokens_[TENANTS[n % 2]], stay=300 + 100 * n)
        for n, base in enumerate(made.addresses)
    ]
    following = [asyncio.create_task(tail.follow()) for tail in tails]
    async with Load(made.addresses, tokens_) as load:
        await load.more(200)
        for second in range(SECONDS):
            await asyncio.sleep(1)
            if second == SECONDS // 4:
                report("killing a worker, and an API process that starts again at once")
                made.workers[0].kill()
                made.apis[0].kill()
                made.apis[0].start()
            if second == SECONDS // 2:
                made.workers[0].start()
            if second == 3 * SECONDS // 4:
                made.workers[1].kill()
        await load.more(200)
        await load.finish()
    events = verify(made.url, load.promised)
    assert events == len(load.promised)
    assert load.wrong == []
    with psycopg.connect(address(made.url, "cell_0", name="verify", as_owner=True)) as connection:
        stored = {tenant: connection.execute(ALL, (tenant,)).fetchall() for tenant in TENANTS}
    for tail in tails:
        expected = stored[tail.tenant]
        await until(partial(tail.has, len(expected)), "the end of the stream")
        assert tail.seen == expected
        assert tail.connections > 1
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    await verify_read_models(made.url, made.data_dir)
    streams = sum(tail.connections for tail in tails)
    report(f"{events} events through {APIS} processes, answers {dict(load.codes)}")
    report(f"{len(tails)} readers over {streams} streams")
