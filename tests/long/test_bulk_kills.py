"""A bulk job whose worker is killed again and again: effects happen once, counts are exact."""

from __future__ import annotations

import asyncio
import gzip
import time
from typing import Any

import httpx
import msgspec
import psycopg
import pytest

from infrastructure.postgres.connect import address
from tests.long.harness import PATIENCE, Installation, report, until
from tests.long.verifying import verify, verify_read_models

pytestmark = [pytest.mark.long, pytest.mark.anyio]

KILLS = 8
EVENTS = 120_000
"""Of these every hundredth comes twice, and every thousandth a third time with other content;
every 500th line is followed by one that is no event."""


def lines() -> list[bytes]:
    made: list[bytes] = []
    for number in range(1, EVENTS + 1):
        event = {
            "event_id": f"b{number}",
            "order_id": f"o{number // 12}",
            "occurred_at": f"2025-03-01T00:00:{number % 60:02}Z",
            "source": "bulk",
            "type": "order.note.added",
            "schema_version": "v1",
            "payload": {"note": f"about {number}"},
        }
        made.append(msgspec.json.encode(event))
        if number % 100 == 0:
            made.append(made[-1])
        if number % 1000 == 0:
            made.append(msgspec.json.encode({**event, "payload": {"note": "something else"}}))
        if number % 500 == 0:
            made.append(b'{"event_id": "bad"}')
    return made


async def test_a_bulk_job_goes_on_after_each_kill(installation: Installation) -> None:
    sent, started = lines(), time.monotonic()
    headers = {"Authorization": f"Bearer {installation.tokens['acme']}"}
    base = f"{installation.address}/v1/order-history"
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=PATIENCE) as client:
        job = await _post(client, gzip.compress(b"\n".join(sent), 1))
        kills = 0
        while job["status"] in {"queued", "running"}:
            done = job["progress"]["done"]
            if kills < KILLS and done >= len(sent) * (kills + 1) // (KILLS + 2):
                worker = installation.program.child("worker")
                if worker is not None:
                    worker.kill()
                    kills += 1
                    report(f"kill {kills}/{KILLS} at {done} of {len(sent)} lines")
            await asyncio.sleep(0.02)
            job = (await client.get(f"/jobs/{job['job_id']}")).json()
            assert time.monotonic() - started < 5 * PATIENCE
    assert kills == KILLS
    assert job["status"] == "succeeded"
    assert job["progress"]["done"] == len(sent)
    assert job["result"] == {
        "recorded": EVENTS,
        "duplicates": EVENTS // 100,
        "conflicts": EVENTS // 1000,
        "rejected": EVENTS // 500,
        "last_sequence": EVENTS,
    }
    assert verify(installation.url, {}) == EVENTS
    with psycopg.connect(address(installation.url, "cell_0", name="verify")) as connection:
        kept = "select outcome, count(*) from job_lines group by outcome order by outcome"
        expected = [("conflict", EVENTS // 1000), ("rejected", EVENTS // 500)]
        assert connection.execute(kept).fetchall() == expected
        in_order = "select event_id from events order by sequence"
        found = [row[0] for row in connection.execute(in_order)]
        assert found == [f"b{number}" for number in range(1, EVENTS + 1)]
        assert connection.execute("select count(*) from job_chunks").fetchone() == (0,)
    await verify_read_models(installation.url, installation.data_dir)
    report(f"{len(sent)} lines, {KILLS} kills, {time.monotonic() - started:.0f} s")


async def _post(client: httpx.AsyncClient, body: bytes) -> dict[str, Any]:
    await until(lambda: _healthy(str(client.base_url)), "an answer")
    answer = await client.post(
        "/events/bulk",
        content=body,
        headers={"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"},
    )
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job


def _healthy(base: str) -> bool:
    try:
        return httpx.get(base.replace("/v1/order-history/", "/healthz"), timeout=2).is_success
    except httpx.TransportError:
        return False
