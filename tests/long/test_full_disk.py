"""A disk that fills up under writers: an honest 503, no damage, and on it goes with more room."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.long.harness import Installation, report, run, until
from tests.long.load import Load
from tests.long.verifying import verify, verify_read_models

pytestmark = [pytest.mark.long, pytest.mark.anyio]

SMALL, LARGE = "220m", "1500m"
NOTE_BYTES = 20_000
QUIET_SECONDS = 8.0
"""So long nothing is acknowledged before the disk counts as full."""


@pytest.fixture
def disk(data_dir: Path) -> Iterator[Path]:
    """The data directory on a small disk of its own."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a small disk needs root on Linux")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL},mode=0711", "tmpfs", str(data_dir)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this machine lets nobody mount: {done.stderr.strip()}")
    yield data_dir
    subprocess.run(["umount", str(data_dir)], check=True)


@pytest.fixture
def installation(disk: Path, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(disk, tmp_path / "serve.log")
    yield made
    made.program.kill()
    with EmbeddedPostgres(disk):  # its last user: leaving stops it
        pass


async def test_full_and_larger_again(installation: Installation) -> None:
    started = time.monotonic()
    async with Load([installation.address], installation.tokens, note_bytes=NOTE_BYTES) as load:
        await load.more(500)
        await _until_nothing_is_acknowledged(load)
        full, refused = len(load.promised), load.codes[503]
        assert refused > 0
        refusals = sorted(load.refusals)
        free = os.statvfs(installation.data_dir)
        report(f"full after {full} events: {free.f_bavail * free.f_frsize} bytes left, {refused} "
               f"refusals, the slowest after {refusals[-1]:.2f} s")  # fmt: skip
        _enlarge(installation.data_dir)
        back = await load.more(500)
        report(f"500 more acknowledged {back:.1f} s after there was room")
        await load.finish()
    assert load.wrong == []
    assert verify(installation.url, load.promised) == len(load.promised)
    await verify_read_models(installation.url, installation.data_dir)
    done = run("doctor", "--data-dir", str(installation.data_dir))
    assert "FAIL" not in done.stdout
    assert installation.program.stop() == 0
    report(f"{len(load.promised)} events acknowledged, {time.monotonic() - started:.0f} s")


async def _until_nothing_is_acknowledged(load: Load) -> None:
    seen, since = len(load.promised), time.monotonic()

    def quiet() -> bool:
        nonlocal seen, since
        if len(load.promised) > seen:
            seen, since = len(load.promised), time.monotonic()
        return load.codes[503] > 0 and time.monotonic() - since > QUIET_SECONDS

    await until(quiet, "a full disk")


def _enlarge(disk: Path) -> None:
    subprocess.run(["mount", "-o", f"remount,size={LARGE}", str(disk)], check=True)
