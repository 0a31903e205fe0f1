"""What an operator looks at when something seems amiss in a tenant's intake.

Of the installation only depths of queues are told; everything else is the tenant's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from application.ports import Clock
from domain.times import SECOND, format_us

QUIET_TIMES = 10
"""How many of its usual intervals a source may be silent before it has gone quiet."""

LEAST_MINUTES = 10
"""Of fewer minutes with an event nothing is usual yet."""

SAMPLES = 20
GAPS = 5
SOURCES = 1000

_MINUTE_US = 60 * SECOND


class QueueDepths(Struct, frozen=True):
    """What waits: for the committer of the API process that answers, for read models (by name), and
    of the tenant's jobs, by status."""

    committer_events: int
    committer_available: bool
    model_events: Mapping[str, int]
    jobs: Mapping[str, int]


class FailedLine(Struct, frozen=True):
    """A line of a bulk job or an import that was not recorded: why, and never what it said."""

    job_id: str
    line: int
    outcome: str
    errors: Sequence[Mapping[str, Any]]
    at: str


class Gap(Struct, frozen=True):
    """Numbers that have not come, from the first to the last."""

    from_: int = msgspec.field(name="from")
    to: int


class SourceSequence(Struct, frozen=True):
    """Of a source's own numbers (`metadata.source_sequence`) the lowest and the highest that came,
    how many between them are missing, and the first ranges of these."""

    lowest: int
    highest: int
    missing: int
    gaps: Sequence[Gap]


class SourceState(Struct, frozen=True):
    """Where one source is. `quiet`: it has been silent for longer than QUIET_TIMES its usual
    interval; that is null while nothing is usual yet."""

    source: str
    events: int
    last_sequence: int
    last_received_at: str
    source_sequence: SourceSequence | None
    usual_interval_seconds: float | None
    silent_seconds: float
    quiet: bool


class Diagnosis(Struct, frozen=True):
    """As of now. `sources`: quiet ones first, then those with gaps; `more_sources`: only those that
    were heard last are told of."""

    as_of: str
    queues: QueueDepths
    failed_lines: Sequence[FailedLine]
    sources: Sequence[SourceState]
    more_sources: bool


class SourceRow(Struct, frozen=True):
    """What is kept of one source. minutes: since 1970, with an event, the newest 60, ascending.
    lowest, highest: None where none of its events has a number; numbered: how many different ones.
    """

    source: str
    events: int
    last_sequence: int
    last_us: int
    minutes: Sequence[int]
    lowest: int | None
    highest: int | None
    numbered: int
    gaps: Sequence[tuple[int, int]] = ()


class Sources(Protocol):
    """The sources read model."""

    async def of(self, tenant_id: str, limit: int, gaps: int) -> list[SourceRow]:
        """The sources that were heard last, each with its first gaps. Raises Unavailable."""
        ...


class Intake(Protocol):
    """What became of the jobs of a tenant. Each method raises Unavailable."""

    async def failed_lines(self, tenant_id: str, limit: int) -> list[FailedLine]:
        """The newest lines that were not recorded."""
        ...

    async def jobs(self, tenant_id: str) -> Mapping[str, int]:
        """How many jobs it has, by status."""
        ...


class CommitterState(Protocol):
    """What the committer tells of itself."""

    @property
    def available(self) -> bool: ...

    @property
    def queued(self) -> int: ...


class Diagnose:
    """The query behind GET /diagnostics. behind: read model -> events that it has not applied."""

    def __init__(
        self,
        sources: Sources,
        intake: Intake,
        committer: CommitterState,
        behind: Callable[[], Awaitable[Mapping[str, int]]],
        clock: Clock,
    ) -> None:
        self._sources = sources
        self._intake = intake
        self._committer = committer
        self._behind = behind
        self._clock = clock

    async def __call__(self, tenant_id: str) -> Diagnosis:
        """Raises Unavailable."""
        rows = await self._sources.of(tenant_id, SOURCES + 1, GAPS)
        now_us = self._clock()
        states = [state_of(row, now_us) for row in rows[:SOURCES]]
        return Diagnosis(
            as_of=format_us(now_us),
            queues=QueueDepths(
                committer_events=self._committer.queued,
                committer_available=self._committer.available,
                model_events=await self._behind(),
                jobs=await self._intake.jobs(tenant_id),
            ),
            failed_lines=await self._intake.failed_lines(tenant_id, SAMPLES),
            sources=sorted(states, key=_urgency),
            more_sources=len(rows) > SOURCES,
        )


def state_of(row: SourceRow, now_us: int) -> SourceState:
    """A source as it is at a time in microseconds."""
    silent_us = max(0, now_us - row.last_us)
    usual_us = usual_interval_us(row.minutes)
    return SourceState(
        source=row.source,
        events=row.events,
        last_sequence=row.last_sequence,
        last_received_at=format_us(row.last_us),
        source_sequence=_sequence_of(row),
        usual_interval_seconds=None if usual_us is None else round(usual_us / SECOND, 1),
        silent_seconds=round(silent_us / SECOND, 1),
        quiet=usual_us is not None and silent_us > QUIET_TIMES * usual_us,
    )


def usual_interval_us(minutes: Sequence[int]) -> float | None:
    """The mean interval between minutes in which something came: events in one minute count once,
    so that the size of a batch says nothing. None while there are fewer than LEAST_MINUTES."""
    if len(minutes) < LEAST_MINUTES:
        return None
    return (minutes[-1] - minutes[0]) / (len(minutes) - 1) * _MINUTE_US


def _sequence_of(row: SourceRow) -> SourceSequence | None:
    if row.lowest is None or row.highest is None:
        return None
    missing = row.highest - row.lowest + 1 - row.numbered
    gaps = [Gap(low, high) for low, high in row.gaps]
    return SourceSequence(row.lowest, row.highest, missing, gaps)


def _urgency(state: SourceState) -> tuple[bool, bool, str]:
    missing = state.source_sequence is not None and state.source_sequence.missing > 0
    return not state.quiet, not missing, state.source
