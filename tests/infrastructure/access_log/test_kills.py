"""No entry is lost when a process is killed: who appends, or who drains."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.access_log.draining import Drains
from infrastructure.access_log.spool import OwnSpool
from infrastructure.key_store.files import FileKeyStore
from tests.infrastructure.access_log.entries import Collected, files, fill

pytestmark = pytest.mark.anyio

APPEND_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from infrastructure.access_log.spool import OwnSpool
from infrastructure.key_store.files import FileKeyStore
from tests.infrastructure.access_log.entries import noted

async def append():
    own = OwnSpool(Path(sys.argv[1]) / "access", FileKeyStore(Path(sys.argv[1]) / "keys"))
    number = 0
    while True:
        number += 1
        await own.append(noted(number))
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
        if number % 50 == 0:
            own.turn()

asyncio.run(append())
"""


DRAIN_AND_HANG = """
import asyncio, sys, time
from pathlib import Path
from infrastructure.access_log.draining import Drains
from infrastructure.key_store.files import FileKeyStore

class Hanging:
    async def add(self, kept):
        sys.stdout.write(f"{len(kept)}\\n")
        sys.stdout.flush()
        time.sleep(60)

place = Path(sys.argv[1])
keys = place / "keys"
drains = Drains(place / "access", FileKeyStore(keys), Hanging(), keys / ".lock")
asyncio.run(drains.ended())
"""


def _running(program: str, place: Path) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", program, str(place)]
    return subprocess.Popen(argv, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE)


@pytest.mark.parametrize("worker", [False, True])
async def test_no_entry_is_lost_when_the_process_is_killed(
    directory: Path, drains: Drains, collected: Collected, tmp_path: Path, worker: bool
) -> None:
    """Also where a worker drains meanwhile, and some segments are ended and not drained."""
    process = _running(APPEND_FOR_EVER, tmp_path)
    assert process.stdout is not None
    for number in range(237):
        process.stdout.readline()
        if worker and number % 20 == 0:
            await drains.ended()
    assert await drains.orphans() == 0, "it lives"
    assert bool(collected.all) is worker
    process.kill()
    rest = process.stdout.read().split(b"\n")[:-1]
    process.wait()
    process.stdout.close()
    last = int(rest[-1]) if rest else 237
    assert await drains.orphans() == 1
    numbers = [int(one.entry.orders[0].removeprefix("ord_")) for one in collected.all]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) in (last, last + 1)


async def test_what_a_worker_drained_when_it_was_killed_is_drained_by_the_next(
    directory: Path, key_store: FileKeyStore, drains: Drains, collected: Collected, tmp_path: Path
) -> None:
    """Whether its batch was committed or not: a segment goes after that."""
    own = OwnSpool(directory, key_store)
    entries = await fill(own, 1, 2)
    own.turn()
    worker = _running(DRAIN_AND_HANG, tmp_path)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"2\n"
    worker.kill()
    worker.wait()
    worker.stdout.close()
    assert len(files(directory)) == 1
    entries += await fill(own, 3)
    await drains.ended()
    assert collected.all == entries[:2]
    await own.close()
    await drains.orphans()
    assert (collected.all, files(directory)) == (entries, [])
