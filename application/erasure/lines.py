"""Erasing the lines of bulk jobs that mention a person: written down in the journal around that, as
what is erased of orders is, so that no restored backup has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
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

    async def any_live(self, tenant_id: str, job_ids: Collection[str]) -> bool:
        """Whether one of these jobs is not over, and may keep lines still. Raises Unavailable."""
        ...

    async def renew(self, tenant_id: str | None = None) -> int:
        """Remove what says nothing, and the keys that open copies of it, of a tenant or of all; in
        how many jobs. Raises KeyUnavailable, Unavailable."""
        ...


class EraseLines:
    """Implements `application.erasure.ports.KeptLines`, and what a worker's schedule does of it."""

    def __init__(self, lines: LineStore, journal: Journal, erasures: Erasures) -> None:
        self._lines = lines
        self._journal = journal
        self._erasures = erasures
        self._waiting: set[str] | None = None
        """Tenants with jobs to be waited for; None: who they are is not known yet."""

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
        return (await self._again(tenant_id, known))[0]

    async def tend(self) -> int:
        """A worker's: what was erased of the lines of a job that was still running then, or runs
        again in a restored database. How many jobs and deletions that took. Raises KeyUnavailable,
        Unavailable."""
        tenants = self._journal.tenants() if self._waiting is None else self._waiting
        waiting, made = set(), 0
        for tenant_id in tenants:
            again, waits = await self._again(tenant_id, await self._erasures.known(tenant_id))
            made += again
            if waits:
                waiting.add(tenant_id)
        self._waiting = waiting
        return made + await self._lines.renew()

    async def _again(self, tenant_id: str, known: Mapping[str, bool]) -> tuple[int, bool]:
        """How many deletions were made again, and whether more are to be once jobs are over: a job
        that a restore has set back rejects a line anew that is erased already."""
        journalled = self._journal.lines(tenant_id)
        killed = [one.entry_id for one, done in journalled if not done and one.entry_id in known]
        if killed:
            await self._journal.done(tenant_id, killed)
        undone = [one for one, done in journalled if done and one.entry_id not in known]
        waits = False
        for gone in undone:
            live = await self._lines.any_live(tenant_id, gone.lines)
            await self._empty(tenant_id, gone, for_good=not live)
            waits = waits or live
        if undone:
            await self._lines.renew(tenant_id)
        return len(undone), waits

    async def _empty(self, tenant_id: str, gone: LinesGone, *, for_good: bool = True) -> None:
        statements = [self._lines.emptying(tenant_id, gone.lines)]
        if for_good:
            statements.append(self._erasures.noting(tenant_id, gone.entry_id, told=True))
        await self._erasures.execute(statements)
