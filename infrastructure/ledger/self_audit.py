"""The self-audit: goes through all that is stored of the ledgers, in the background, for ever.

    each tenant, by id: the next events ──▶ bytes, columns, chain, tree, tiles, checkpoints ──▶ rest

What differs raises an alarm; the audit of that tenant ends there, and begins again with the next
pass. It leads under a session advisory lock, so that one of several workers audits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import structlog
from msgspec.structs import replace
from psycopg import Connection

from application.ledger.ports import GLOBAL, LogKeys, ObjectStore
from application.ports import Clock
from domain.errors import Unavailable
from domain.ledger.recompute import Difference
from infrastructure.event_store.auditing import LedgerAudit
from infrastructure.ledger.alarms import Alarms
from infrastructure.ledger.audit_progress import Progress, keep, load, next_log
from infrastructure.ledger.signed_audit import SignedAudit
from infrastructure.postgres.connect import in_thread, in_threads, store_errors

log = structlog.get_logger(__name__)

KIND = "audit"
"""Of the alarms that are raised here."""

BATCH = 256
"""Events that are looked at in one go: a few milliseconds of a core."""

LEAST_COST, CHECKPOINT_COST = 100, 25
"""What the statements of a go cost, and a checkpoint, in events."""

REST = 10.0
"""Seconds between two passes, which a small installation would otherwise make without a pause."""

LEAD = "select pg_try_advisory_lock(hashtextextended('self-audit ' || current_schema(), 0))"
# What is lost of the progress in a crash is looked at again.
NO_WAIT = "set synchronous_commit = off"
_RETRY = 1.0


class _Unreadable(Exception):
    """A fault in the middle of an answer: the connection cannot be gone on with."""


class SelfAudit:
    """One per cell and worker: `await audit.run()` in a task; cancel the task to stop.

    connect: opens a blocking connection in autocommit. rate: events a second; 0 audits nothing.
    rest: seconds between two passes.
    """

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        keys: LogKeys,
        published: ObjectStore,
        alarms: Alarms,
        clock: Clock,
        *,
        rate: int,
        rest: float | None = None,
    ) -> None:
        self._connect = connect
        self._keys = keys
        self._published = published
        self._alarms = alarms
        self._clock = clock
        self._rate = rate
        self._rest = REST if rest is None else rest
        self._progress: Progress | None = None

    async def run(self) -> None:
        """Until cancelled. A database, storage or keys that are away are waited for."""
        if not self._rate:
            await asyncio.Event().wait()
        while True:
            try:
                async with in_threads(self._connect) as connection:
                    await self._lead(connection)
                    await self._follow(connection)
            except (_Unreadable, psycopg.Error, OSError, Unavailable) as error:
                log.warning("self_audit.waits", error=type(error).__name__)
                await asyncio.sleep(_RETRY)

    async def _lead(self, connection: Connection[Any]) -> None:
        while True:
            row = await in_thread(lambda: connection.execute(LEAD).fetchone())
            if row and row[0]:
                break
            await asyncio.sleep(_RETRY)
            self._progress = None  # another worker goes on
        await in_thread(lambda: connection.execute(NO_WAIT))

    async def _follow(self, connection: Connection[Any]) -> None:
        if self._progress is None:
            self._progress = await in_thread(lambda: load(connection))
        progress = self._progress
        while True:
            self._progress = progress
            if progress.ended:
                progress = await self._next(connection, progress)
            else:
                progress = await self._go_on(connection, progress)

    async def _next(self, connection: Connection[Any], done: Progress) -> Progress:
        after = await in_thread(lambda: next_log(connection, done.tenant_id))
        if after == GLOBAL:
            after = await in_thread(lambda: next_log(connection, GLOBAL))
        if after is not None:
            return Progress(done.number, after)
        await asyncio.sleep(self._rest)
        return Progress(done.number + bool(done.tenant_id), "", ended=True)

    async def _go_on(self, connection: Connection[Any], progress: Progress) -> Progress:
        """With one tenant, until its end or a difference."""
        try:
            with store_errors():
                return await self._walk(connection, progress)
        except (Unavailable, OSError):
            raise
        except Exception as error:
            # A damaged page, a row that no reader was made for: as good as an event that differs,
            # and nothing that the other tenants should wait for.
            told = self._progress or progress
            what = f"what is stored from here on cannot be read ({type(error).__name__})"
            found = Difference(told.tenant_id, told.reached.sequence + 1, what)
            self._progress = await self._judge(replace(told, ended=True), [found])
            raise _Unreadable from error

    async def _walk(self, connection: Connection[Any], progress: Progress) -> Progress:
        signed = SignedAudit(connection, self._keys, self._published)
        audit = await in_thread(lambda: _begun(connection, progress))
        found: list[Difference] = []
        while not progress.ended and not found:
            started = asyncio.get_running_loop().time()
            found, cost = await _look(audit, signed)
            ended = audit.ended or bool(found)
            fresh = replace(progress, reached=audit.walk.reached, ended=ended)
            progress = self._progress = await self._judge(fresh, found)
            await self._keep(connection, progress)
            spent = asyncio.get_running_loop().time() - started
            await asyncio.sleep(max(0.0, cost / self._rate - spent))
        return progress

    async def _judge(self, progress: Progress, found: Sequence[Difference]) -> Progress:
        """Raise or clear the tenant's alarm; where to go on from."""
        if found and not progress.whole:
            # The difference may be in what was read of the progress alone.
            return Progress(progress.number, progress.tenant_id)
        if found:
            first = min(found, key=lambda one: one.sequence)
            await self._alarms.sound(first.tenant_id, KIND, first.sequence, first.what)
        elif progress.ended and progress.whole:
            await self._alarms.clear(progress.tenant_id, KIND)
        return progress

    async def _keep(self, connection: Connection[Any], progress: Progress) -> None:
        await in_thread(lambda: keep(connection, progress, self._clock()))


def _begun(connection: Connection[Any], progress: Progress) -> LedgerAudit:
    """From where it was, or from the beginning where no worker has left that."""
    try:
        return LedgerAudit(connection, progress.tenant_id, progress.reached)
    except ValueError:
        return LedgerAudit(connection, progress.tenant_id)


async def _look(audit: LedgerAudit, signed: SignedAudit) -> tuple[list[Difference], int]:
    """What differs in the next events and in what was signed of them; and what looking cost."""
    tenant_id, start = audit.walk.tenant_id, audit.walk.sequence
    found = await in_thread(lambda: audit.go_on(BATCH))
    end = audit.walk.sequence
    checkpoints, otherwise = await signed.check(tenant_id, audit.epoch, start, end)
    if otherwise is not None:  # first: it says more than the tree that is not its
        found = [otherwise, *found]
    return found, max(LEAST_COST, end - start + CHECKPOINT_COST * checkpoints)
