from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest

from application.intake import importing
from application.intake.importing import IMPORT, Imported
from application.intake.ports import Tally
from application.intake.recording import JobRef, Recording
from application.jobs.ports import Job, new_job_id
from domain.errors import Unavailable, Unreadable
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
    path = tmp_path / "Jane.gz"
    path.write_bytes(gzip.compress(b"\n".join(LINES))[:-8])
    with pytest.raises(Unreadable, match=r"Jane\.gz: .* after 500 lines"):
        await run(intake, path)
    ((status, errors, request),) = await intake.rows(
        "select status, errors, request from jobs where tenant_id = %s"
    )
    assert status == "failed"
    assert "gzip" in errors[0]["detail"]
    assert "Jane" not in f"{errors}{request}", "a file's name may be personal"
    assert await intake.count("events") == 500


async def test_a_file_that_is_not_there_fails_the_job(intake: Intake, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await run(intake, tmp_path / "Jane.ndjson")
    ((status, errors),) = await intake.rows("select status, errors from jobs where tenant_id = %s")
    assert (status, errors[0]["detail"]) == ("failed", "FileNotFoundError")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "RETRY_FIRST", 0.0)


@pytest.mark.parametrize("late", [False, True], ids=["failed", "failed though done"])
@pytest.mark.parametrize("name", ["prepare", "submit", "count"])
async def test_any_step_is_tried_again_while_the_store_is_away(
    intake: Intake, tmp_path: Path, impatient: None, name: str, *, late: bool
) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join([*LINES, b"{bad", LINES[0]]))
    step, failures = getattr(intake.recording, name), [2]

    async def fails(*args: Any, **kwargs: Any) -> Any:
        if failures[0] and not late:
            failures[0] -= 1
            raise Unavailable
        answer = await step(*args, **kwargs)
        if failures[0]:
            failures[0] -= 1
            raise Unavailable
        return answer

    setattr(intake.recording, name, fails)
    imported = await run(intake, path)
    assert failures == [0]
    job = await intake.jobs.get(intake.tenant, imported.job_id)
    assert job is not None
    assert job.status == "succeeded"
    assert imported.tally == msgspec.convert(job.result, Tally)
    assert job.done == imported.tally.lines == 602
    assert imported.tally.rejected == 1
    # What came through though it seemed to fail, two chunks, are duplicates when they come again.
    assert imported.tally.recorded == (100 if name == "submit" and late else 600)
    assert await intake.count("job_lines") == 1
    assert await intake.count("events") == 600


async def test_a_store_that_stays_away_is_told_of(
    intake: Intake, tmp_path: Path, impatient: None
) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(LINES[0])

    async def away(*args: Any, **kwargs: Any) -> Any:
        raise Unavailable

    intake.recording.submit = away  # type: ignore[method-assign]  # a fault of the store
    with pytest.raises(Unavailable):
        await run(intake, path)
    assert await intake.rows("select status from jobs where tenant_id = %s") == [("failed",)]


async def test_it_stops_while_the_store_is_away(intake: Intake, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(LINES[0])
    watched = Watched()

    async def away(*args: Any, **kwargs: Any) -> Any:
        watched.stopping.set()
        raise Unavailable

    intake.recording.submit = away  # type: ignore[method-assign]  # a fault of the store
    stopped = await run(intake, path, watched)
    assert not stopped.complete
    assert await intake.rows("select status from jobs where tenant_id = %s") == [("cancelled",)]


async def test_a_job_that_is_cancelled_stops_the_import(
    intake: Intake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_LOOK_EVERY", 0.0)
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join(LINES * 8))

    class Cancelling(Recording):
        async def count(self, job: JobRef, *args: Any, **kwargs: Any) -> Tally:
            await intake.jobs.finish(job[0], job[1], "cancelled")
            return await super().count(job, *args, **kwargs)

    own = intake.recording
    recording = Cancelling(
        own._preparing, own._door, own._comparer, own._admission, own._spool, own._cipher, own._look
    )
    watched = Watched()
    stopped = await intake.importer(recording)(
        intake.tenant, path, submitted_by="import", progress=watched, stopping=watched.stopping
    )
    assert not stopped.complete
    assert 0 < stopped.tally.lines < 4800
    assert await intake.rows("select status from jobs where tenant_id = %s") == [("cancelled",)]


async def test_an_import_whose_process_died_ends_as_failed(intake: Intake, tmp_path: Path) -> None:
    async def running(kind: str = IMPORT) -> Job:
        return await intake.jobs.create(
            Job(
                tenant_id=intake.tenant, job_id=new_job_id(), kind=kind, submitted_by="import",
                submitted_us=1, status="running",
            )
        )  # fmt: skip

    async def status(job: Job) -> str:
        found = await intake.jobs.get(job.tenant_id, job.job_id)
        assert found is not None
        return found.status

    dead, alive, other = await running(), await running(), await running("bulk_ingest")
    async with intake.lifelines.held(alive.job_id):
        assert await intake.sweep() == 1
        assert [await status(job) for job in (dead, alive, other)] == [
            "failed", "running", "running",
        ]  # fmt: skip
    after = await intake.jobs.get(dead.tenant_id, dead.job_id)
    assert after is not None
    assert after.finished_us is not None
    assert "start it again" in after.errors[0]["detail"]
    path = tmp_path / "events.ndjson"
    path.write_bytes(LINES[0])
    held = (
        "select 1 from pg_locks l join pg_database d on d.oid = l.database and %s <> ''"
        " where l.locktype = 'advisory' and d.datname = current_database()"
    )
    for _ in range(1000):  # the server notices a moment later that its session is over
        if not await intake.rows(held):
            break
        await asyncio.sleep(0.01)
    assert (await run(intake, path)).complete
    assert await status(alive) == "failed", "the next import ends those of dead processes"


async def test_an_import_is_not_taken_for_dead_while_it_runs(
    intake: Intake, tmp_path: Path
) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join(LINES))
    buried: list[int] = []

    class Sweeping(Recording):
        async def count(self, *args: Any, **kwargs: Any) -> Tally:
            buried.append(await intake.sweep())
            return await super().count(*args, **kwargs)

    own = intake.recording
    recording = Sweeping(
        own._preparing, own._door, own._comparer, own._admission, own._spool, own._cipher, own._look
    )
    watched = Watched()
    await intake.importer(recording)(
        intake.tenant, path, submitted_by="import", progress=watched, stopping=watched.stopping
    )
    assert buried == [0, 0, 0]
    assert await intake.rows("select status from jobs where tenant_id = %s") == [("succeeded",)]
