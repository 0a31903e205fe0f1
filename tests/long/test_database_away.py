"""A database that goes away under writers and comes back: an honest 503 meanwhile, at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.long.harness import Program, free_port, report, run, tokens
from tests.long.load import Load
from tests.long.verifying import verify, verify_read_models

pytestmark = [pytest.mark.long, pytest.mark.anyio]

ROUNDS = 5
AWAY_SECONDS = 3.0


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    """A database that only this test starts and stops."""
    with EmbeddedPostgres(data_dir) as server:
        run("migrate", "--database-url", server.url())
        yield server


async def test_stopped_and_started_again(server: EmbeddedPostgres, data_dir: Path) -> None:
    port, started = free_port(), time.monotonic()
    common = ("--database-url", server.url(), "--data-dir", str(data_dir))
    api = Program(data_dir / "api.log", "api", "--port", str(port), *common)
    worker = Program(data_dir / "worker.log", "worker", *common)
    api.start()
    worker.start()
    tokens_ = tokens(data_dir)
    base = f"http://127.0.0.1:{port}"
    try:
        async with Load([base], tokens_) as load:
            for number in range(1, ROUNDS + 1):
                await load.more(500)
                load.refusals.clear()
                await asyncio.to_thread(server.stop)
                await _reads_are_refused(base, tokens_["acme"])
                await asyncio.sleep(AWAY_SECONDS)
                refusals = sorted(load.refusals)
                assert refusals, "writers were refused while the database was away"
                await asyncio.to_thread(server.start)
                back = await load.more(200)
                report(
                    f"away {number}/{ROUNDS}: {len(refusals)} refusals, the median after "
                    f"{refusals[len(refusals) // 2]:.3f} s, the slowest after {refusals[-1]:.2f} s;"
                    f" 200 acknowledged {back:.1f} s after it was back"
                )
            await load.finish()
        assert load.wrong == []
        assert set(load.codes) <= {200, 201, 503, "ConnectionRefusedError"}
        assert verify(server.url(), load.promised) == len(load.promised)
        await verify_read_models(server.url(), data_dir)
        report(f"{len(load.promised)} events acknowledged, {time.monotonic() - started:.0f} s")
        assert api.stop() == 0
        assert worker.stop() == 0
    finally:
        api.kill()
        worker.kill()


async def _reads_are_refused(base: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=20) as client:
        for path in ("/events?limit=1", "/orders", "/orders/o0-0/timeline", "/events/w0-1"):
            answer = await client.get(f"/v1/order-history{path}")
            assert answer.status_code == 503, (path, answer.text)
            assert int(answer.headers["Retry-After"]) >= 1
        assert (await client.get("/healthz")).status_code == 200
