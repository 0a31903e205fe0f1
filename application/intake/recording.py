"""A chunk's way onto the ledger, in three steps that overlap with those of its neighbours.

    prepare (computing) ──▶ submit (the door's transaction, the outcome beside) ──▶ count

The outcome is written with the events, so a chunk that has one is never submitted again; the chunk
is removed with the counting, so none is counted twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import msgspec
from msgspec import Struct

from application.intake.chunks import Chunk, JobCipher
from application.intake.overlapping import under_way
from application.intake.ports import KeptLine, SpoolStore, Tally
from application.intake.preparing import PreparedLines, Preparing, reasons
from application.intake.scrubbing import Line
from application.orders.admitting import Admission
from application.orders.record import Comparer
from application.ports import Accepted, Door, Duplicate, Lane, Outcome, Statement
from domain.access.scope import ANYTHING, Reach
from domain.errors import (
    EventConflict,
    FieldError,
    OrderHistoryError,
    QuotaExceeded,
    Unavailable,
)
from domain.orders.events import Incoming

JobRef = tuple[str, str]
"""Tenant, job id."""

Settled = int | list[FieldError]
"""What became of a line that was not recorded: there already, at this position; or refused, for
these reasons."""

_SUBMITTED_AHEAD = 3
"""Chunks that are at the door while one is counted: when one commits, the next begins behind it."""

Again = Callable[[Callable[[], Awaitable["PreparedChunk"]]], Awaitable["PreparedChunk"]]
"""Tries a step until it comes through, or raises."""

_encode = msgspec.msgpack.Encoder().encode


class Settlement(Struct, frozen=True, array_like=True):
    """The outcome of a chunk: which lines, by index, it did not record. `last_sequence` 0: it
    recorded nothing. `over`: why a quota refused some of it, "" if none did."""

    unrecorded: dict[int, Settled]
    last_sequence: int = 0
    over: str = ""


_decode = msgspec.msgpack.Decoder(Settlement).decode


class PreparedChunk(Struct, frozen=True):
    """A chunk and what its lines come to. `settlement` is known already if an earlier attempt got
    that far. `reach`: of who sends it."""

    chunk: Chunk
    events: PreparedLines
    settlement: Settlement | None = None
    reach: Reach = ANYTHING


def over_quota(settled: PreparedChunk) -> QuotaExceeded | None:
    """Why no more of the job can be recorded today, if that is so."""
    assert settled.settlement is not None
    return QuotaExceeded(settled.settlement.over) if settled.settlement.over else None


class Recording:
    """The three steps. Holds nothing between them. look: has the door know the tenant's quota."""

    def __init__(
        self,
        preparing: Preparing,
        door: Door,
        comparer: Comparer,
        admission: Admission,
        spool: SpoolStore,
        cipher: JobCipher,
        look: Callable[[str], Awaitable[object]],
    ) -> None:
        self._preparing = preparing
        self._door = door
        self._comparer = comparer
        self._admission = admission
        self._spool = spool
        self._cipher = cipher
        self._look = look

    async def prepare(
        self,
        tenant_id: str,
        chunk: Chunk,
        outcome: bytes | None = None,
        reach: Reach = ANYTHING,
    ) -> PreparedChunk:
        """Read and seal every line that is within reach. Raises Unavailable."""
        await self._look(tenant_id)
        lines: Sequence[Line] = chunk.lines
        if not reach.is_of_all_events:
            lines = await self._admitted(tenant_id, lines, reach)
        events = await self._preparing.prepare(tenant_id, lines, reach)
        settlement = None if outcome is None else _decode(outcome)
        return PreparedChunk(chunk, events, settlement, reach)

    async def _admitted(
        self, tenant_id: str, lines: Sequence[Line], reach: Reach
    ) -> Sequence[Line]:
        """The lines; refused is what is about something out of reach."""
        events: dict[int, Incoming] = {}
        for index, line in enumerate(lines):
            await asyncio.sleep(0)
            with suppress(OrderHistoryError):  # what is wrong with it is told when it is prepared
                events[index] = self._preparing.read(line)
        refusals = await self._admission.refusals(tenant_id, reach, list(events.values()))
        why = {
            index: tuple(reasons(refusal))
            for index, refusal in zip(events, refusals, strict=True)
            if refusal is not None
        }
        return [
            msgspec.structs.replace(line, refused=line.refused or why.get(index, ()))
            for index, line in enumerate(lines)
        ]

    async def submitted(
        self,
        job: JobRef,
        source: AsyncIterator[PreparedChunk],
        *,
        spooled: bool,
        again: Again | None = None,
    ) -> AsyncIterator[PreparedChunk]:
        """The source's chunks in their order, each submitted, with its settlement. A few are at the
        door at once, but none overtakes one that fails: that goes `again` first, if that is given.

        Raises Unavailable. What the source raises comes after the chunks before it.
        """
        lane = Lane()

        def submit(chunk: PreparedChunk) -> Awaitable[PreparedChunk]:
            return self.submit(job, chunk, spooled=spooled, lane=lane)

        async for chunk, submission, behind in under_way(submit, source, _SUBMITTED_AHEAD):
            try:
                settled = await submission
            except Unavailable:
                if again is None:
                    raise
                await asyncio.gather(*behind, return_exceptions=True)
                settled = await again(partial(_anew, lane, submit, chunk))
            yield settled

    async def submit(
        self, job: JobRef, prepared: PreparedChunk, *, spooled: bool, lane: Lane
    ) -> PreparedChunk:
        """Record what can be recorded; the chunk with its settlement. Raises Unavailable."""
        if prepared.settlement is not None:
            return prepared
        if lane.blocked:
            raise Unavailable
        try:
            settlement = await self._settlement(job, prepared, spooled=spooled, lane=lane)
        except BaseException:
            lane.blocked = True
            raise
        return msgspec.structs.replace(prepared, settlement=settlement)

    async def _settlement(
        self, job: JobRef, prepared: PreparedChunk, *, spooled: bool, lane: Lane
    ) -> Settlement:
        drafts, number = prepared.events.drafts, prepared.chunk.number
        if not drafts:
            return _settle(prepared, [])

        def beside(outcomes: Sequence[Outcome]) -> list[Statement]:
            encoded = _encode(_settle(prepared, outcomes))
            return [self._spool.outcome_statement(job, number, encoded)]

        outcomes = await self._door.submit(drafts, beside=beside if spooled else None, lane=lane)
        if spooled and (stored := await self._spool.outcome(job, number)) is not None:
            return _decode(stored)  # another worker's, if that was faster
        return _settle(prepared, outcomes)

    async def count(self, job: JobRef, prepared: PreparedChunk, *, spooled: bool) -> Tally:
        """Tell conflicts from duplicates, keep what is not recorded, count. Raises Unavailable."""
        assert prepared.settlement is not None
        lines, unrecorded = prepared.chunk.lines, prepared.settlement.unrecorded
        differing = await self._differing(job[0], prepared)
        kept: list[KeptLine] = []
        conflicts = rejected = 0
        for index, settled in sorted(unrecorded.items()):
            if isinstance(settled, list):
                rejected += 1
                kept.append(self._kept(job, lines[index], "rejected", settled))
            elif index in differing:
                conflicts += 1
                kept.append(self._kept(job, lines[index], "conflict", differing[index]))
        tally = Tally(
            recorded=len(lines) - len(unrecorded),
            duplicates=len(unrecorded) - conflicts - rejected,
            conflicts=conflicts,
            rejected=rejected,
            last_sequence=prepared.settlement.last_sequence,
        )
        await self._spool.count(job, prepared.chunk.number if spooled else None, tally, kept)
        return tally

    async def _differing(
        self, tenant_id: str, prepared: PreparedChunk
    ) -> dict[int, list[FieldError]]:
        """By index: why a line that came before is not the same."""
        assert prepared.settlement is not None
        found: dict[int, list[FieldError]] = {}
        pairs: list[tuple[Incoming, int]] = []
        indexes: list[int] = []
        for index, settled in sorted(prepared.settlement.unrecorded.items()):
            if not isinstance(settled, int):
                continue
            try:
                pairs.append((self._preparing.read(prepared.chunk.lines[index]), settled))
                indexes.append(index)
            except OrderHistoryError as error:
                # What was valid when it was submitted is so no more: there is no comparing it.
                found[index] = reasons(error)
        if pairs:
            all_pointers = await self._comparer.differing(tenant_id, pairs, prepared.reach)
            for index, (incoming, _), pointers in zip(indexes, pairs, all_pointers, strict=True):
                if pointers:
                    found[index] = reasons(EventConflict(incoming.event_id, pointers))
        return found

    def _kept(self, job: JobRef, line: Line, outcome: str, why: list[FieldError]) -> KeptLine:
        reason = [{"pointer": error.pointer, "detail": error.detail} for error in why]
        return KeptLine(line.number, outcome, reason, self._cipher.seal_line(*job, line))


def _settle(prepared: PreparedChunk, outcomes: Sequence[Outcome]) -> Settlement:
    """The settlement of a chunk from the outcomes of its drafts, in their order."""
    refused = prepared.events.refused
    unrecorded: dict[int, Settled] = dict(refused)
    events = (index for index in range(len(prepared.chunk.lines)) if index not in refused)
    last_sequence, over = 0, ""
    for index, outcome in zip(events, outcomes, strict=False):
        if isinstance(outcome, Accepted):
            last_sequence = outcome.event.sequence
        elif isinstance(outcome, Duplicate):
            unrecorded[index] = outcome.position
        else:
            unrecorded[index] = reasons(outcome.error)
            over = str(outcome.error) if isinstance(outcome.error, QuotaExceeded) else over
    return Settlement(unrecorded, last_sequence, over)


def _anew(
    lane: Lane, submit: Callable[[PreparedChunk], Awaitable[PreparedChunk]], chunk: PreparedChunk
) -> Awaitable[PreparedChunk]:
    lane.blocked = False
    return submit(chunk)
