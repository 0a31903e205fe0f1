"""What runs by a schedule, noting that it did, so that another process sees when it stops."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import structlog

from domain.errors import Unavailable

log = structlog.get_logger(__name__)


class Runs(Protocol):
    """Where runs are noted."""

    async def ran(self, schedule: str, every_us: int, error: str | None) -> None:
        """The end of a run; `error` the class of what it raised. Raises Unavailable."""
        ...


class Scheduled:
    """To be run each `every_us` microseconds."""

    def __init__(
        self, schedule: str, every_us: int, act: Callable[[], Awaitable[object]], runs: Runs
    ) -> None:
        self._schedule = schedule
        self._every_us = every_us
        self._act = act
        self._runs = runs

    async def run(self) -> None:
        """Never raises: the next turn comes anyway."""
        failure: str | None = None
        try:
            await self._act()
        except Exception as error:  # noqa: BLE001 - it is noted, logged, and tried again
            failure = type(error).__name__  # no more: a message may carry values of a payload
            log.warning("schedule.failed", schedule=self._schedule, error=failure)
        with suppress(Unavailable):
            await self._runs.ran(self._schedule, self._every_us, failure)
