from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from application.watching.scheduled import Scheduled
from domain.errors import Unavailable

pytestmark = pytest.mark.anyio


class Noted:
    """Where runs are noted, as long as it is there."""

    def __init__(self) -> None:
        self.there = True
        self.runs: list[tuple[str, int, str | None]] = []

    async def ran(self, schedule: str, every_us: int, error: str | None) -> None:
        if not self.there:
            raise Unavailable
        self.runs.append((schedule, every_us, error))


def failing(error: Exception) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        raise error

    return act


async def succeeding() -> int:
    return 3


async def test_a_run_is_noted() -> None:
    noted = Noted()
    await Scheduled("sweep", 60, succeeding, noted).run()
    assert noted.runs == [("sweep", 60, None)]


@pytest.mark.parametrize(
    ("error", "name"), [(Unavailable(), "Unavailable"), (ValueError("jane@doe.com"), "ValueError")]
)
async def test_one_that_fails_is_noted_by_its_class(error: Exception, name: str) -> None:
    noted = Noted()
    await Scheduled("sweep", 60, failing(error), noted).run()
    assert noted.runs == [("sweep", 60, name)]


async def test_a_database_that_is_away_stops_no_schedule() -> None:
    noted = Noted()
    noted.there = False
    await Scheduled("sweep", 60, succeeding, noted).run()
    noted.there = True
    await Scheduled("sweep", 60, succeeding, noted).run()
    assert len(noted.runs) == 1
