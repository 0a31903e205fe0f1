"""SIGKILL of the API, and of the worker that drains, under reading clients: every answer that
showed personal values, and came whole, is in the access log, once; whatever was under way may be
there, once."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

import httpx
import pytest

from tests.long.harness import Installation, Program, report, run, token, until

pytestmark = [pytest.mark.long, pytest.mark.anyio]

ROUNDS = 12
KILLED = (("api",), ("worker",), ("api", "worker"))
"""In turn."""
READERS = 8
TENANT = "acme"
BASE = "/v1/order-history"
PATHS = ("/orders/ord_1/timeline", "/events", "/events/evt_1", "/orders/ord_1/snapshot")
PLANTED = b"planted@example.org"


class Reading:
    """Clients that read until they are told to stop, each time for a reason of its own."""

    def __init__(self, installation: Installation) -> None:
        self._address = installation.address
        self._token = token(installation.data_dir, TENANT, "support")
        self.asked: set[str] = set()
        self.answered: set[str] = set()
        self.codes: Counter[int | str] = Counter()
        self._stopping = False

    async def run(self, reader: int) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        number = 0
        while not self._stopping:
            async with httpx.AsyncClient(
                base_url=self._address, headers=headers, timeout=10
            ) as client:
                try:
                    while not self._stopping:
                        number += 1
                        await self._read(client, f"reader {reader}, read {number}")
                except httpx.HTTPError as error:
                    self.codes[type(error).__name__] += 1
                    await asyncio.sleep(0.1)

    async def more(self, count: int) -> None:
        goal = len(self.answered) + count
        await until(lambda: len(self.answered) >= goal, f"{count} answers")

    def stop(self) -> None:
        self._stopping = True

    async def _read(self, client: httpx.AsyncClient, reason: str) -> None:
        self.asked.add(reason)
        path = random.choice(PATHS)
        answer = await client.get(BASE + path, headers={"X-Access-Reason": reason})
        self.codes[answer.status_code] += 1
        if answer.status_code == 200:
            assert PLANTED in answer.content
            self.answered.add(reason)


async def logged(installation: Installation) -> list[str]:
    """The reasons of all entries of reads."""
    headers = {"Authorization": f"Bearer {token(installation.data_dir, TENANT, 'admin')}"}
    found: list[str] = []
    query: dict[str, str | int] = {"limit": 1000, "reason_given": "true"}
    async with httpx.AsyncClient(
        base_url=installation.address, headers=headers, timeout=60
    ) as client:
        while True:
            page = (await client.get(f"{BASE}/access-logs", params=query)).raise_for_status().json()
            found += [one["reason"] for one in page["items"]]
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]


async def test_no_answer_is_missing_in_the_log(installation: Installation) -> None:
    started, random_ = time.monotonic(), random.Random("access")
    kills: Counter[str] = Counter()
    program = installation.program
    await _planted(installation)
    reading = Reading(installation)
    readers = [asyncio.create_task(reading.run(number)) for number in range(READERS)]
    for number in range(1, ROUNDS + 1):
        await reading.more(50)
        await asyncio.sleep(random_.uniform(0.0, 1.2))
        for name in KILLED[number % len(KILLED)]:
            await _kill(program, name)
            kills[name] += 1
        report(f"kill {number}/{ROUNDS}: {len(reading.answered)} answers so far")
    await reading.more(50)
    reading.stop()
    await asyncio.gather(*readers)
    found = await logged(installation)
    assert len(found) == len(set(found)), "none is there twice"
    assert reading.answered - set(found) == set(), "each answer has its entry"
    assert set(found) - reading.asked == set()
    report(
        f"{dict(kills)} killed, {len(reading.answered)} answers with personal values, "
        f"{len(found)} entries; {dict(reading.codes)}, {time.monotonic() - started:.0f} s"
    )
    await _digested(installation)
    assert installation.program.stop() == 0


async def _kill(program: Program, name: str) -> None:
    await until(lambda: program.child(name) is not None, name)
    child = program.child(name)
    assert child is not None
    child.kill()


async def _planted(installation: Installation) -> None:
    event = {
        "event_id": "evt_1", "order_id": "ord_1", "occurred_at": "2025-01-01T00:00:00Z",
        "source": "shop", "type": "order.created", "schema_version": "v1",
        "payload": {"customer": {"id": "c1", "email": PLANTED.decode()}},
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {installation.tokens[TENANT]}"}
    async with httpx.AsyncClient(base_url=installation.address, headers=headers) as client:
        while True:
            try:
                if (await client.post(f"{BASE}/events", json=event)).status_code in (200, 201):
                    break
            except httpx.HTTPError:
                await asyncio.sleep(0.2)
        sequence = {"X-Min-Sequence": "1"}
        url = f"{BASE}/events"
        while (await client.get(url, headers=sequence)).is_error:  # noqa: ASYNC110  # it is another process
            await asyncio.sleep(0.2)


async def _digested(installation: Installation) -> None:
    """The worker puts all of it onto the ledger, where it verifies."""
    argv = ("verify", "access-log", "--tenant", TENANT, "--data-dir", str(installation.data_dir))
    deadline = time.monotonic() + 180
    while True:
        done = await asyncio.to_thread(run, *argv)
        if "hold; 0 wait" in done.stdout:
            break
        assert time.monotonic() < deadline, done.stdout
        await asyncio.sleep(2)
    report(done.stdout.strip())
