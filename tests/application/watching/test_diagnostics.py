from __future__ import annotations

from collections.abc import Mapping

import pytest

from application.watching.diagnostics import (
    SOURCES,
    Diagnose,
    FailedLine,
    Gap,
    SourceRow,
    SourceSequence,
    state_of,
    usual_interval_us,
)
from domain.times import format_us

pytestmark = pytest.mark.anyio

MINUTE = 60_000_000
NOW_US = 30_000_000 * MINUTE


def row(source: str = "shop", *, silent_us: int = 0, every: int = 1, **more: object) -> SourceRow:
    """A source with an event in each `every`-th of its last minutes, then silent."""
    last_us = NOW_US - silent_us
    last = last_us // MINUTE
    minutes = list(range(last - 19 * every, last + 1, every))
    given = {"lowest": None, "highest": None, "numbered": 0, **more}
    return SourceRow(source, 100, 99, last_us, minutes, **given)  # type: ignore[arg-type]  # by name, of mixed types


@pytest.mark.parametrize(
    ("minutes", "usual"),
    [
        ([], None),
        (list(range(100, 109)), None),
        (list(range(100, 110)), MINUTE),
        (list(range(0, 100, 10)), 10 * MINUTE),
        # A batch of three minutes a day: the mean, for the median would say a minute.
        ([day * 1440 + minute for day in range(4) for minute in range(3)], 393 * MINUTE),
    ],
)
def test_the_usual_interval(minutes: list[int], usual: float | None) -> None:
    found = usual_interval_us(minutes)
    assert found == usual or (found is not None and round(found / MINUTE) * MINUTE == usual)


@pytest.mark.parametrize(
    ("silent", "every", "quiet"),
    [(0, 1, False), (10, 1, False), (10.1, 1, True), (99, 10, False), (101, 10, True)],
)
def test_quiet_is_ten_times_the_usual_interval(silent: float, every: int, quiet: bool) -> None:
    state = state_of(row(silent_us=int(silent * MINUTE), every=every), NOW_US)
    assert state.quiet is quiet
    assert state.usual_interval_seconds == every * 60
    assert state.silent_seconds == round(silent * 60, 1)


def test_a_source_of_which_nothing_is_usual_is_never_quiet() -> None:
    new = SourceRow("new", 3, 2, NOW_US - 10**15, [1, 2, 3], None, None, 0)
    state = state_of(new, NOW_US)
    assert (state.quiet, state.usual_interval_seconds) == (False, None)


def test_the_ledgers_clock_may_be_ahead() -> None:
    assert state_of(row(silent_us=-5_000_000), NOW_US).silent_seconds == 0


def test_gaps_between_the_lowest_and_the_highest() -> None:
    numbered = row(lowest=5, highest=20, numbered=13, gaps=((7, 8), (11, 11)))
    assert state_of(numbered, NOW_US).source_sequence == SourceSequence(
        5, 20, 3, [Gap(7, 8), Gap(11, 11)]
    )
    assert state_of(row(), NOW_US).source_sequence is None


class Committer:
    available, queued = True, 7


class Kept:
    """A tenant's sources, failed lines and jobs."""

    def __init__(self, rows: list[SourceRow]) -> None:
        self.rows = rows
        self.line = FailedLine("job_1", 3, "rejected", [{"pointer": "/type", "detail": "x"}], "t")

    async def of(self, tenant_id: str, limit: int, gaps: int) -> list[SourceRow]:
        assert (tenant_id, gaps) == ("acme", 5)
        return self.rows[:limit]

    async def failed_lines(self, tenant_id: str, limit: int) -> list[FailedLine]:
        assert (tenant_id, limit) == ("acme", 20)
        return [self.line]

    async def jobs(self, tenant_id: str) -> Mapping[str, int]:
        return {"running": 1}


async def behind() -> Mapping[str, int]:
    return {"orders": 4}


async def test_what_is_most_urgent_comes_first() -> None:
    kept = Kept(
        [
            row("b"),
            row("a"),
            row("with gap", lowest=1, highest=3, numbered=2, gaps=((2, 2),)),
            row("quiet", silent_us=11 * MINUTE),
        ]
    )
    found = await Diagnose(kept, kept, Committer(), behind, lambda: NOW_US)("acme")
    assert [one.source for one in found.sources] == ["quiet", "with gap", "a", "b"]
    assert (found.as_of, found.more_sources) == (format_us(NOW_US), False)
    assert found.failed_lines == [kept.line]
    assert (found.queues.committer_events, found.queues.committer_available) == (7, True)
    assert (found.queues.model_events, found.queues.jobs) == ({"orders": 4}, {"running": 1})


async def test_very_many_sources_are_not_all_told_of() -> None:
    kept = Kept([row(f"s{number}") for number in range(SOURCES + 5)])
    found = await Diagnose(kept, kept, Committer(), behind, lambda: NOW_US)("acme")
    assert (len(found.sources), found.more_sources) == (SOURCES, True)
