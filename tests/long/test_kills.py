"""SIGKILL under 32 writing clients: what was acknowledged is there, whole, and once.

Every round ends with the clients at rest while what it left is looked at, so that a round costs
what it recovers from and not what was written during the last look: every promise, every chain and
the place of every read model in each round. A rebuild to compare with takes the longest of it, and
longer with every event: it is made in every fifth round, and at the end. What a kill spoils in a
read model is not missed by that: it stays until the next comparison, or the reconciler puts it
right and its count tells.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import pytest

from tests.long.harness import Installation, kill_postgres, report, run
from tests.long.load import Load
from tests.long.verifying import verify, verify_followed, verify_read_models

pytestmark = [pytest.mark.long, pytest.mark.anyio]

ROUNDS = 20
COMPARED = 5
"""Every so many rounds the read models are compared with a rebuild."""


async def _rounds(installation: Installation, name: str, kill: Callable[[], object]) -> None:
    started, random_ = time.monotonic(), random.Random(name)
    async with Load([installation.address], installation.tokens) as load:
        for number in range(1, ROUNDS + 1):
            await load.more(200)
            await asyncio.sleep(random_.uniform(0.1, 0.8))
            kill()
            recovered = await load.more(200)
            async with load.resting():
                events = await _holds(installation, load, compared=number % COMPARED == 0)
            report(f"{name}: kill {number}/{ROUNDS}: {events} events hold, "
                   f"200 more acknowledged after {recovered:.1f} s")  # fmt: skip
        await load.finish()
    events = await _holds(installation, load, compared=True)
    assert load.wrong == []
    report(f"{name}: {ROUNDS} kills, {events} events acknowledged, answers {dict(load.codes)}, "
           f"{time.monotonic() - started:.0f} s")  # fmt: skip


async def _holds(installation: Installation, load: Load, *, compared: bool) -> int:
    events = await asyncio.to_thread(verify, installation.url, load.promised)
    assert events == len(load.promised), "every event was insisted on until it was acknowledged"
    if compared:
        await verify_read_models(installation.url, installation.data_dir)
    else:
        await verify_followed(installation.url)
    return events


async def test_the_service_is_killed(installation: Installation) -> None:
    def kill() -> None:
        installation.program.kill()
        installation.program.start()

    await _rounds(installation, "service", kill)
    done = run("verify", "ledger", "--data-dir", str(installation.data_dir))
    assert done.stdout.endswith("events hold\n")
    assert installation.program.stop() == 0


async def test_the_database_is_killed(installation: Installation) -> None:
    await _rounds(installation, "database", lambda: kill_postgres(installation.data_dir))
    done = run("doctor", "--data-dir", str(installation.data_dir))
    assert "FAIL" not in done.stdout
    assert installation.program.stop() == 0
