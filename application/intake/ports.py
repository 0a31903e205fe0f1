"""What bulk intake needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from application.jobs.ports import Job
from application.ports import Statement


class SpooledChunk(Struct, frozen=True):
    """A row of the spool. `outcome` is None until its events are recorded."""

    number: int
    sealed: bytes
    outcome: bytes | None


class KeptLine(Struct, frozen=True):
    """A line that is not on the ledger. `outcome` is rejected or conflict; `reason` a list of
    {pointer, detail}; `sealed` its bytes."""

    line: int
    outcome: str
    reason: list[Any]
    sealed: bytes


class Tally(Struct, frozen=True):
    """What became of some lines; `lines` is the sum of the four. `last_sequence` 0: none."""

    recorded: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    last_sequence: int = 0

    @property
    def lines(self) -> int:
        return self.recorded + self.duplicates + self.conflicts + self.rejected

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.recorded + other.recorded,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.rejected + other.rejected,
            max(self.last_sequence, other.last_sequence),
        )


class SpoolStore(Protocol):
    """Chunks and kept lines of jobs. Each method is one transaction, flushed when it returns.
    Every method raises Unavailable."""

    async def add(self, job: tuple[str, str], number: int, lines: int, sealed: bytes) -> None: ...

    async def next(self, job: tuple[str, str], after: int) -> SpooledChunk | None:
        """The first chunk with a higher number."""
        ...

    async def outcome(self, job: tuple[str, str], number: int) -> bytes | None:
        """The chunk's outcome as it is now."""
        ...

    async def complete(self, job: Job, chunks: int) -> Job | None:
        """Make the job of a body that has been spooled; or give back the earlier one with the same
        submitter and idempotency_key. None when not all its chunks are there any more."""
        ...

    def outcome_statement(self, job: tuple[str, str], number: int, outcome: bytes) -> Statement:
        """Set a chunk's outcome, unless it has one."""
        ...

    async def count(
        self, job: tuple[str, str], number: int | None, tally: Tally, kept: Sequence[KeptLine]
    ) -> None:
        """Add to the job's counters and kept lines and remove the chunk, all at once, and only if
        the chunk is still there: each is counted once, whoever comes twice. `number` None: there
        is no chunk to remove; count."""
        ...

    async def kept(self, job: tuple[str, str], after: int, limit: int) -> list[KeptLine]:
        """Kept lines by number, from the one after `after`."""
        ...

    async def reasons(self, job: tuple[str, str], limit: int) -> list[dict[str, Any]]:
        """The first kept lines as {line, outcome, errors}, without their bytes."""
        ...

    async def clear(self, job: tuple[str, str]) -> None:
        """Remove a job's chunks."""
        ...

    async def clear_lines(self, job: tuple[str, str]) -> None:
        """Remove a job's kept lines."""
        ...

    async def orphans(self, before_us: int) -> list[tuple[str, str]]:
        """(tenant, job id) of chunks whose job is over, or was never made and has had no new chunk
        since `before_us`."""
        ...

    async def outdated(self, before_us: int) -> list[tuple[str, str]]:
        """(tenant, job id) of jobs with kept lines, all older than `before_us`."""
        ...
