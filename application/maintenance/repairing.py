"""The handler of repairing: a walk along the ledger, whose place is the job's.

What a transaction heals and the job's account of it are committed together, or not at all: so a job
that was cut off, or cancelled, has done exactly what its result says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from application.jobs.running import Finished, Run
from application.maintenance.ports import NO_END, Finding, Range, Walks, merged
from application.ports import EventReader, Statement

NOT_ASKED = (
    "the sources: there are no connectors to ask them through; what a source never sent, and what "
    "is missing from the ledger itself, cannot be fetched"
)


class _Account:
    """What a job has come to, as its result says it."""

    def __init__(self, first: int, result: dict[str, Any]) -> None:
        self._first = first
        self._found = [_finding(one) for one in result.get("found", ())]
        self.place = int(result.get("to_sequence", first - 1))

    def add(self, findings: Sequence[Finding]) -> None:
        self._found = merged([*self._found, *findings])

    def with_these(self, findings: Sequence[Finding]) -> dict[str, Any]:
        """The result, if these are added."""
        return {
            "from_sequence": self._first,
            "to_sequence": self.place,
            "events": self.place - self._first + 1,
            "found": [_shown(one) for one in merged([*self._found, *findings])],
        }


class RepairReadModels:
    """Holds the read models against the ledger and puts right what differs; a dry run says what it
    would."""

    def __init__(self, walks: Walks, reader: EventReader) -> None:
        self._walks = walks
        self._reader = reader

    async def __call__(self, run: Run) -> Finished:
        """From where the job has come to, to the end that it saw at first, or that was asked for;
        what comes later is the hub's."""
        job, request = run.job, run.job.request
        first, heal = request.get("from_sequence", 1), not request.get("dry_run", False)
        said = {"dry_run": not heal, "not_asked": NOT_ASKED}
        account = _Account(first, job.result)
        last = request.get("to_sequence", NO_END)
        head = (await self._reader.head(job.tenant_id)).sequence
        total = max(0, min(head, last) - first + 1) if job.total is None else job.total
        asked = Range(
            tenant_id=job.tenant_id,
            first=first,
            last=last,
            place=account.place,
            retry=True,
        )

        def beside(healed: Sequence[Finding]) -> Statement:
            return run.reporting({**account.with_these(healed), **said})

        await run.progress(account.place - first + 1, total)
        async with self._walks(asked) as walk:
            while not walk.ended:
                step = await walk.step(heal=heal, beside=beside)
                account.place = walk.place
                account.add(step.findings)
                done = account.place - first + 1
                total = max(total, done)
                await run.progress(done, total, {**account.with_these(()), **said})
        return Finished({**account.with_these(()), **said})


def _shown(one: Finding) -> dict[str, Any]:
    return {
        "model": one.model,
        "table": one.table,
        "what": one.what,
        "count": one.count,
        "first_sequence": one.sequence,
        "healed": one.healed,
    }


def _finding(shown: dict[str, Any]) -> Finding:
    renamed = {**shown, "sequence": shown["first_sequence"]}
    return msgspec.convert(renamed, Finding)
