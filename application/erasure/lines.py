"""Erasing the lines of bulk jobs that mention a person: written down in the journal around that, as
what is erased of orders is, so that no restored backup has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol
from uuid import uuid4

from application.erasure.ports import Erasures, Journal, LinesGone
from application.ports import Statement


class LineStore(Protocol):
    """The lines that bulk jobs keep because they were not recorded."""

    def mentioning(self, tenant_id: str, needles: Sequence[str]) -> AsyncIterator[tuple[str, int]]:
        """Job and line of those that hold one of these texts. Raises KeyUnavailable."""
        ...

    def emptying(self, tenant_id: str, lines: Mapping[str, Sequence[int]]) -> Statement:
        """Has these lines of jobs, by job, say nothing."""
        ...

    async def renew(self, tenant_id: str | None = None) -> int:
        """Remove what says nothing, and the keys that open copies of it, of a tenant or of all; in
        how many jobs. Raises KeyUnavailable, Unavailable."""
        ...


class EraseLines:
    """Implements `application.erasure.ports.KeptLines`."""

    def __init__(self, lines: LineStore, journal: Journal, erasures: Erasures) -> None:
        self._lines = lines
        self._journal = journal
        self._erasures = erasures

    async def erase(self, tenant_id: str, needles: Sequence[str]) -> int:
        found: dict[str, list[int]] = {}
        async for job_id, line in self._lines.mentioning(tenant_id, needles):
            found.setdefault(job_id, []).append(line)
        if found:
            gone = LinesGone(uuid4().hex, found)
            await self._journal.begin_lines(tenant_id, gone)
            await self._empty(tenant_id, gone)
            await self._journal.done(tenant_id, [gone.entry_id])
        await self._lines.renew(tenant_id)
        return sum(map(len, found.values()))

    async def holding(self, tenant_id: str, needles: Sequence[str]) -> int:
        return len([one async for one in self._lines.mentioning(tenant_id, needles)])

    async def erase_again(self, tenant_id: str, known: Mapping[str, bool]) -> int:
        journalled = self._journal.lines(tenant_id)
        killed = [one.entry_id for one, done in journalled if not done and one.entry_id in known]
        if killed:
            await self._journal.done(tenant_id, killed)
        undone = [one for one, done in journalled if done and one.entry_id not in known]
        for gone in undone:
            await self._empty(tenant_id, gone)
        if undone:
            await self._lines.renew(tenant_id)
        return len(undone)

    async def _empty(self, tenant_id: str, gone: LinesGone) -> None:
        noted = self._erasures.noting(tenant_id, gone.entry_id, told=True)
        await self._erasures.execute([self._lines.emptying(tenant_id, gone.lines), noted])
