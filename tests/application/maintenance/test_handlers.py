"""The handlers of maintenance: what they ask for, what their results say, how they go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from application.jobs.ports import Job, Status
from application.jobs.running import Cancelled, Finished, Interrupted, Run
from application.maintenance.compacting import UNTOUCHED_DAYS, Compact
from application.maintenance.ports import NO_END, Beside, Compacted, Finding, Range, Step
from application.maintenance.reindexing import ReindexEvents
from application.maintenance.repairing import NOT_ASKED, RepairReadModels
from application.ports import Head, Statement

pytestmark = pytest.mark.anyio
HEAD = 10
LOST = Finding("orders", "order_events", "missing", 2, 3)


class OneJob:
    """A store of one job; statements are applied by `commit`."""

    def __init__(self, **asked: Any) -> None:
        self.job = Job(
            tenant_id="t", job_id="j", kind="k", submitted_by="s", submitted_us=10**16,
            status="running", request=asked,
        )  # fmt: skip
        self.stopping = asyncio.Event()

    @property
    def run(self) -> Run:
        return Run(self.job, self, self.stopping)  # type: ignore[arg-type]  # what a Run needs of it

    async def progress(
        self, tenant: str, job: str, done: int, total: int | None, result: Any = None
    ) -> bool:
        if self.job.is_over:
            return False
        result = self.job.result if result is None else result
        self.job = replace(self.job, done=done, total=total, result=result)
        return True

    def reporting(
        self, tenant: str, job: str, result: Any, done: int | None = None, total: int | None = None
    ) -> Statement:
        return "report", (result, done, total)

    def commit(self, statement: Statement) -> None:
        """As a transaction with an effect does."""
        if self.job.is_over:
            raise Cancelled
        result, done, total = statement[1]
        changed = {"result": result, "done": done, "total": total}
        given = {name: value for name, value in changed.items() if value is not None}
        self.job = replace(self.job, **given)

    def end(self, status: Status) -> None:
        self.job = replace(self.job, status=status)


class Reader:
    async def head(self, tenant_id: str) -> Head:
        return Head(HEAD, b"", 0)


class Walked:
    """Walks four events a step, and finds the same in each; heals through `commit`."""

    def __init__(self, job: OneJob) -> None:
        self.job = job
        self.asked: list[Range] = []
        self.place = 0
        self.ended = False
        self.before_step: Callable[[int], None] = lambda _: None

    @asynccontextmanager
    async def __call__(self, asked: Range) -> AsyncIterator[Walked]:
        self.asked.append(asked)
        self.place, self.ended = max(asked.place, asked.first - 1), False
        yield self

    async def step(self, *, heal: bool, beside: Beside | None = None) -> Step:
        self.before_step(self.place)
        found: Sequence[Finding] = [replace(LOST, healed=heal)]
        if heal and beside is not None:
            self.job.commit(beside(found))
        start = self.place
        self.place = min(start + 4, self.job_end)
        self.ended = self.place == self.job_end
        return Step(self.place, self.place - start, list(found))

    @property
    def job_end(self) -> int:
        return min(HEAD, self.asked[-1].last)


async def repaired(job: OneJob, walked: Walked) -> Finished:
    return await RepairReadModels(walked, Reader())(job.run)  # type: ignore[arg-type]  # of the reader only head is called


def shown(count: int, *, healed: bool) -> dict[str, Any]:
    return {
        "model": "orders", "table": "order_events", "what": "missing", "count": count,
        "first_sequence": 3, "healed": healed,
    }  # fmt: skip


async def test_a_repair_tells_what_it_healed_and_what_it_cannot_ask_for() -> None:
    job = OneJob()
    walked = Walked(job)
    assert (await repaired(job, walked)).result == {
        "from_sequence": 1, "to_sequence": 10, "events": 10, "found": [shown(6, healed=True)],
        "dry_run": False, "not_asked": NOT_ASKED,
    }  # fmt: skip
    assert walked.asked == [Range(tenant_id="t", retry=True)]
    assert (job.job.done, job.job.total) == (10, 10)


async def test_a_dry_run_of_a_range_heals_nothing() -> None:
    job = OneJob(from_sequence=3, to_sequence=8, dry_run=True)
    walked = Walked(job)
    result = (await repaired(job, walked)).result
    assert result is not None
    assert (result["from_sequence"], result["to_sequence"], result["dry_run"]) == (3, 8, True)
    assert result["found"] == [shown(4, healed=False)]
    assert (walked.asked[0].first, walked.asked[0].last) == (3, 8)
    assert (job.job.done, job.job.total) == (6, 6)


async def test_a_repair_that_was_cut_off_goes_on_with_its_place_and_its_account() -> None:
    job = OneJob()
    walked = Walked(job)

    def stop(place: int) -> None:
        if place == 4:
            job.stopping.set()

    walked.before_step = stop
    with pytest.raises(Interrupted):
        await repaired(job, walked)
    assert (job.job.done, job.job.result["found"]) == (4, [shown(2, healed=True)])
    job.stopping.clear()
    walked.before_step = lambda _: None
    result = (await repaired(job, walked)).result
    assert walked.asked[1].place == 4
    assert result is not None
    assert result["found"] == [shown(6, healed=True)]


async def test_a_cancelled_repair_has_done_what_its_result_says() -> None:
    job = OneJob()
    walked = Walked(job)
    walked.before_step = lambda place: job.end("cancelled") if place == 8 else None
    with pytest.raises(Cancelled):
        await repaired(job, walked)
    assert job.job.result["found"] == [shown(4, healed=True)]


class Reindexed:
    """Four events a transaction, one row of them changed."""

    def __init__(self, job: OneJob) -> None:
        self.job = job
        self.asked: list[tuple[int, int]] = []
        self.most = NO_END

    async def __call__(
        self, tenant_id: str, first: int, last: int, beside: Callable[[int, int], Statement]
    ) -> None:
        self.asked.append((first, last))
        for number, place in enumerate(range(first + 3, last + 4, 4), 1):
            if place > self.most:
                raise Interrupted
            self.job.commit(beside(min(place, last), number))


async def test_a_reindex_goes_to_the_end_that_there_was_and_tells_what_it_changed() -> None:
    job = OneJob()
    reindex = Reindexed(job)
    handler = ReindexEvents(reindex, Reader())  # type: ignore[arg-type]  # of the reader only head is called
    result = (await handler(job.run)).result
    assert reindex.asked == [(1, 10)]
    assert result == {"from_sequence": 1, "to_sequence": 10, "changed": 3}
    assert (job.job.done, job.job.total) == (10, 10)


async def test_a_reindex_that_was_cut_off_goes_on_behind_its_last_batch() -> None:
    job = OneJob(from_sequence=2)
    reindex = Reindexed(job)
    handler = ReindexEvents(reindex, Reader())  # type: ignore[arg-type]  # of the reader only head is called
    reindex.most = 6
    with pytest.raises(Interrupted):
        await handler(job.run)
    assert (job.job.done, job.job.result["changed"]) == (4, 1)
    reindex.most = NO_END
    result = (await handler(job.run)).result
    assert reindex.asked == [(2, 10), (6, 10)]
    assert result == {"from_sequence": 2, "to_sequence": 10, "changed": 3}


async def test_a_reindex_beyond_the_end_is_over_at_once() -> None:
    job = OneJob(from_sequence=50)
    handler = ReindexEvents(Reindexed(job), Reader())  # type: ignore[arg-type]  # of the reader only head is called
    result = (await handler(job.run)).result
    assert result == {"from_sequence": 50, "to_sequence": 49, "changed": 0}


class Resting:
    def __init__(self) -> None:
        self.steps = [Compacted((5, "b"), 2, 1), Compacted(None, 1, 1)]
        self.asked: list[tuple[int, tuple[int, str] | None]] = []

    async def orders(self, tenant_id: str, before_us: int) -> int:
        return 3

    async def step(
        self, tenant_id: str, before_us: int, place: tuple[int, str] | None
    ) -> Compacted:
        self.asked.append((before_us, place))
        return self.steps[len(self.asked) - 1]


async def test_compaction_goes_through_the_orders_at_rest() -> None:
    job, resting = OneJob(), Resting()
    result = (await Compact(resting)(job.run)).result
    assert result is not None
    assert (result["orders"], result["snapshots"]) == (3, 2)
    assert "no longer be exact" in result["rollups"]
    before = 10**16 - UNTOUCHED_DAYS * 86_400_000_000
    assert resting.asked == [(before, None), (before, (5, "b"))]
    assert (job.job.done, job.job.total) == (3, 3)


async def test_compaction_of_nothing_ends() -> None:
    job, resting = OneJob(), Resting()
    resting.steps = [Compacted(None, 0, 0)]
    result = (await Compact(resting)(job.run)).result
    assert result is not None
    assert result["snapshots"] == 0
