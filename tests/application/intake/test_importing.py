from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest

from application.intake.importing import Imported
from application.intake.ports import Tally
from domain.errors import Unreadable
from tests.application.intake.kit import Intake, event

pytestmark = pytest.mark.anyio

LINES = [event(f"e{number}") for number in range(600)]


class Watched:
    """Follows an import; asks it to stop after so many chunks."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.stopping = asyncio.Event()
        self.seen: list[tuple[int, Tally]] = []
        self._stop_after = stop_after

    def __call__(self, read: int, tally: Tally) -> None:
        self.seen.append((read, tally))
        if len(self.seen) == self._stop_after:
            self.stopping.set()


async def run(intake: Intake, path: Path, watched: Watched | None = None) -> Imported:
    watched = watched or Watched()
    return await intake.importing(
        intake.tenant, path, submitted_by="import", progress=watched, stopping=watched.stopping
    )


@pytest.mark.parametrize("packed", [False, True])
async def test_imports_a_file_once(intake: Intake, tmp_path: Path, packed: bool) -> None:
    body = b"\n".join([*LINES, b"{bad", b""])
    path = tmp_path / ("events.ndjson.gz" if packed else "events.ndjson")
    path.write_bytes(gzip.compress(body) if packed else body)
    watched = Watched()
    first = await run(intake, path, watched)
    assert first.complete
    assert first.tally == Tally(recorded=600, rejected=1, last_sequence=600)
    assert watched.seen[-1] == (path.stat().st_size, first.tally)
    job = await intake.jobs.get(intake.tenant, first.job_id)
    assert job is not None
    assert (job.kind, job.status, job.done) == ("import", "succeeded", 601)
    assert job.errors[0]["line"] == 601
    assert len(await intake.rejected(intake.as_role("admin", "a"), first.job_id, 0, 10)) == 1
    second = await run(intake, path)
    assert second.tally == Tally(duplicates=600, rejected=1)
    assert await intake.count("events") == 600


async def test_stops_between_chunks_and_goes_on_with_the_next_import(
    intake: Intake, tmp_path: Path
) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join(LINES * 4))
    stopped = await run(intake, path, Watched(stop_after=1))
    assert not stopped.complete
    assert 0 < stopped.tally.recorded == await intake.count("events") <= 600
    job = await intake.jobs.get(intake.tenant, stopped.job_id)
    assert job is not None
    assert (job.status, job.done) == ("cancelled", stopped.tally.lines)
    after = await run(intake, path)
    assert after.tally.lines == 2400
    assert after.tally.recorded == 600 - stopped.tally.recorded


async def test_damaged_gzip_keeps_what_came_before(intake: Intake, tmp_path: Path) -> None:
    path = tmp_path / "events.gz"
    path.write_bytes(gzip.compress(b"\n".join(LINES))[:-8])
    with pytest.raises(Unreadable):
        await run(intake, path)
    ((status, errors),) = await intake.rows("select status, errors from jobs where tenant_id = %s")
    assert status == "failed"
    assert "gzip" in errors[0]["detail"]
    assert await intake.count("events") == 500
