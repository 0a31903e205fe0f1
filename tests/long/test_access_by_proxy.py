"""The access log against the count of a proxy, under SIGKILL of API processes and of the worker:
equal, entry by entry."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.long.harness import Program, free_port, report, run, token, until
from tests.long.proxy import Exchange, Proxy

pytestmark = [pytest.mark.long, pytest.mark.anyio]

ROUNDS = 12
APIS, CLIENTS = 2, 8
TENANT = "acme"
BASE = "/v1/order-history"
PLANTED = b"planted@example.org"
RECIPIENT = b'"kind":"recipient"'
"""Who has read is shown as well, by the answer to a request for access."""
ROLES = ("support", "investigator", "admin", "history_reader")
Ask = tuple[str, str, dict[str, Any] | None, dict[str, str]]
"""Method, path, body, headers."""

READS: tuple[Ask, ...] = (
    ("GET", "/orders/ord_1/timeline", None, {}),
    ("GET", "/events", None, {}),
    ("GET", "/events/evt_1", None, {}),
    ("GET", "/orders/ord_1/snapshot", None, {}),
    ("POST", "/search", {"query": {"ident": "ord_1"}}, {}),
    # These show nothing.
    ("GET", "/events/evt_1", None, {"If-None-Match": "*"}),
    ("GET", "/events/evt_none", None, {}),
    ("GET", "/orders", None, {}),
)
ACCESS: Ask = ("POST", "/gdpr/access-request", {"subject_id": "c1"}, {})


class Processes:
    """API processes and a worker, on one database."""

    def __init__(self, url: str, data_dir: Path) -> None:
        common = ("--database-url", url, "--data-dir", str(data_dir))
        self.data_dir = data_dir
        self.ports = [free_port() for _ in range(APIS)]
        self.apis = [
            Program(data_dir / f"api{port}.log", "api", "--port", str(port), *common)
            for port in self.ports
        ]
        self.worker = Program(data_dir / "worker.log", "worker", *common)
        self.all = [*self.apis, self.worker]
        for program in self.all:
            program.start()

    def direct(self, role: str) -> httpx.AsyncClient:
        """To the first API process, past the proxy."""
        headers = {"Authorization": f"Bearer {token(self.data_dir, TENANT, role)}"}
        url = f"http://127.0.0.1:{self.ports[0]}{BASE}"
        return httpx.AsyncClient(base_url=url, headers=headers, timeout=60)


@pytest.fixture
def processes(data_dir: Path) -> Iterator[Processes]:
    with EmbeddedPostgres(data_dir) as server:
        run("migrate", "--database-url", server.url())
        made = Processes(server.url(), data_dir)
        yield made
        for program in made.all:
            program.kill()


def shows(part: bytes) -> bool:
    return PLANTED in part or RECIPIENT in part


async def planted(processes: Processes) -> None:
    event = {
        "event_id": "evt_1", "order_id": "ord_1", "occurred_at": "2025-01-01T00:00:00Z",
        "source": "shop", "type": "order.created", "schema_version": "v1",
        "payload": {"customer": {"id": "c1", "email": PLANTED.decode()}},
    }  # fmt: skip
    async with processes.direct("admin") as client:
        while True:
            with suppress(httpx.HTTPError):
                if (await client.post("/events", json=event)).status_code in (200, 201):
                    break
            await asyncio.sleep(0.2)
        while (await client.get("/events", headers={"X-Min-Sequence": "1"})).is_error:  # noqa: ASYNC110  # it is another process
            await asyncio.sleep(0.2)


class Clients:
    """Ask through the proxy until they are told to stop: reads, now and then an answer in many
    parts."""

    def __init__(self, proxy: Proxy, processes: Processes) -> None:
        self._proxy = proxy
        self._tokens = {role: token(processes.data_dir, TENANT, role) for role in ROLES}
        self._random = random.Random("by proxy")
        self._stopping = False

    async def run(self) -> None:
        base = f"http://127.0.0.1:{self._proxy.port}{BASE}"
        async with httpx.AsyncClient(base_url=base, timeout=30) as client:
            while not self._stopping:
                try:
                    await self._ask(client)
                except httpx.HTTPError:  # killed, or still starting
                    await asyncio.sleep(0.05)

    def stop(self) -> None:
        self._stopping = True

    async def _ask(self, client: httpx.AsyncClient) -> None:
        drawn, role = self._random.random(), self._random.choice(ROLES)
        authorization = {"Authorization": f"Bearer {self._tokens[role]}"}
        if drawn < 0.02:
            await self._follow(client, authorization)
            return
        method, path, body, headers = ACCESS if drawn < 0.03 else self._random.choice(READS)
        await client.request(method, path, json=body, headers={**headers, **authorization})

    async def _follow(self, client: httpx.AsyncClient, authorization: dict[str, str]) -> None:
        """A stream, for as long as its server lives; the client leaves it soon, the proxy does
        not."""
        url = "/events/stream?after=0"
        async with client.stream("GET", url, headers=authorization) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    return


async def recording(processes: Processes, stop: asyncio.Event) -> None:
    """New events, so that streams have more to send."""
    number = 1
    async with processes.direct("producer") as client:
        while not stop.is_set():
            number += 1
            event = {
                "event_id": f"evt_{number}", "order_id": "ord_1", "source": "shop",
                "occurred_at": "2025-01-01T00:00:00Z", "type": "order.note.added",
                "schema_version": "v1", "payload": {"note": f"to {PLANTED.decode()}"},
            }  # fmt: skip
            with suppress(httpx.HTTPError):
                await client.post("/events", json=event)
            await asyncio.sleep(0.3)


async def logged(processes: Processes) -> dict[str, list[int]]:
    """The sizes that the log has of each numbered request, in the order of their times."""
    found: dict[str, list[int]] = {}
    query: dict[str, str | int] = {"limit": 1000, "reason_given": "true"}
    async with processes.direct("admin") as client:
        while True:
            page = (await client.get("/access-logs", params=query)).raise_for_status().json()
            for one in page["items"]:
                found.setdefault(one["reason"], []).insert(0, one["size_bytes"])
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]


def compared(exchanges: list[Exchange], entries: dict[str, list[int]]) -> Counter[str]:
    """Holds each exchange against its entries; what they came to."""
    assert set(entries) <= {one.reason for one in exchanges}, "entries of what nobody asked"
    count: Counter[str] = Counter()
    for one in exchanges:
        has = entries.get(one.reason, [])
        if one.whole or not one.sent:
            assert has == one.shown, one
        else:
            # What broke off had been noted before it was sent: what came, and perhaps the part that
            # did not come any more.
            assert has[: len(one.shown)] == one.shown, one
            for size in has[len(one.shown) :]:
                report(f"noted and not arrived: {one.asked}, request {one.number}, {size} bytes")
                count["noted, not arrived"] += 1
        count["shown"] += len(one.shown)
        count["entries"] += len(has)
        count["whole" if one.whole else "broken" if one.sent else "not sent"] += 1
    assert count["entries"] == count["shown"] + count["noted, not arrived"]
    return count


async def test_the_log_is_what_the_proxy_counts(processes: Processes) -> None:
    started, random_ = time.monotonic(), random.Random("kills")
    await planted(processes)
    proxy, recorded = Proxy(processes.ports, shows), asyncio.Event()
    async with proxy.listening():
        clients = Clients(proxy, processes)
        tasks = [asyncio.create_task(clients.run()) for _ in range(CLIENTS)]
        tasks.append(asyncio.create_task(recording(processes, recorded)))
        for number in range(1, ROUNDS + 1):
            goal = sum(bool(one.shown) for one in proxy.exchanges) + 60

            def enough(goal: int = goal) -> bool:
                return sum(bool(one.shown) for one in proxy.exchanges) >= goal

            await until(enough, "answers")
            await asyncio.sleep(random_.uniform(0.0, 1.0))
            killed = processes.worker if number % 4 == 0 else processes.apis[number % APIS]
            killed.kill()
            killed.start()
            report(f"kill {number}/{ROUNDS}: {len(proxy.exchanges)} requests so far")
        recorded.set()
        clients.stop()
        await asyncio.gather(*tasks)
        for api in processes.apis:  # the streams end, those that were left, too
            api.stop()
        await proxy.ended()
    for api in processes.apis:
        api.start()
    await planted(processes)
    count = compared(proxy.exchanges, await logged(processes))
    statuses = Counter(one.status for one in proxy.exchanges)
    assert count["broken"] > 0, "the kills must have been felt"
    assert any(len(one.shown) > 1 for one in proxy.exchanges), "and some answers had many parts"
    report(f"{ROUNDS} kills in {time.monotonic() - started:.0f} s; {dict(count)}; {dict(statuses)}")
