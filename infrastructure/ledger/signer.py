"""The signer: follows the event store of one cell and signs what has been added.

    each interval: entries behind the last round ──▶ sign ──▶ commit ──▶ publish

It leads under a session advisory lock, so that one of several workers signs; two that signed at
once would meet in the key of the round, and one of them begin again. Events are signed after they
are committed and flushed, and no further than the tiles reach from which proofs are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from msgspec import Struct
from psycopg import Connection, errors

from application.ledger.ports import GLOBAL, LogKeys, ObjectStore
from application.ledger.signing import LogHead, Rounds, SignedRound, empty_head
from application.ports import Clock
from domain.errors import Conflict, Unavailable
from domain.times import SECOND
from infrastructure.ledger import signed_store as store
from infrastructure.ledger.alarms import Alarms
from infrastructure.ledger.behind import LedgerBehind, require_ahead

log = structlog.get_logger(__name__)

KIND = "signer"
"""Of the alarms that are raised here."""

LEAD = "select pg_try_advisory_lock(hashtextextended('signer ' || current_schema(), 0))"
_RETRY = 1.0
_BEHIND_RETRY = 5.0

Grown = dict[str, tuple[LogHead, Sequence[bytes]]]


class _Turn(Struct):
    """What a turn found. more: there are events that it did not look at. refused: tenants whose
    log cannot go on, with the first sequence concerned and the reason."""

    signed: SignedRound | None = None
    more: bool = False
    refused: dict[str, tuple[int, str]] = {}
    passed: Sequence[str] = ()


class Signer:
    """One per cell and worker: `await signer.run()` in a task; cancel the task to stop.

    connect: opens a blocking connection in autocommit. interval: seconds between two rounds.
    """

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        keys: LogKeys,
        published: ObjectStore,
        alarms: Alarms,
        clock: Clock,
        *,
        interval: float = 1.0,
    ) -> None:
        self._connect = connect
        self._keys = keys
        self._published = published
        self._alarms = alarms
        self._clock = clock
        self._interval = interval

    async def run(self) -> None:
        """Until cancelled. A database or storage that is away is waited for."""
        while True:
            try:
                connection = await asyncio.to_thread(self._connect)
                with connection:
                    await self._lead(connection)
                    await self._follow(connection)
            except LedgerBehind as error:
                with suppress(Unavailable):
                    await self._alarms.sound(GLOBAL, KIND, None, str(error))
                await asyncio.sleep(_BEHIND_RETRY)
            except errors.UniqueViolation:
                log.warning("signer.overtaken")
            except (psycopg.Error, OSError, Unavailable) as error:
                log.warning("signer.waits", error=type(error).__name__)
                await asyncio.sleep(_RETRY)

    async def _lead(self, connection: Connection[Any]) -> None:
        while True:
            row = await asyncio.to_thread(lambda: connection.execute(LEAD).fetchone())
            if row and row[0]:
                return
            await asyncio.sleep(_RETRY)

    async def _follow(self, connection: Connection[Any]) -> None:
        await require_ahead(connection, self._published)
        await self._alarms.clear(GLOBAL, KIND)
        signing = await asyncio.to_thread(Signing, connection, self._keys, self._clock)
        published = await self._published_round(signing.rounds.whole)
        while True:
            started = asyncio.get_running_loop().time()
            turn = await asyncio.to_thread(signing.turn)
            await self._tell(turn)
            published = await self._publish(connection, signing.rounds.whole, published)
            if not turn.more:
                spent = asyncio.get_running_loop().time() - started
                await asyncio.sleep(max(0.0, self._interval - spent))

    async def _tell(self, turn: _Turn) -> None:
        for tenant_id, (sequence, reason) in turn.refused.items():
            await self._alarms.sound(tenant_id, KIND, sequence, reason)
        for tenant_id in turn.passed:
            await self._alarms.clear(tenant_id, KIND)

    async def _published_round(self, whole: LogHead) -> int:
        """The newest round that is published: as a rule the newest there is."""
        key = store.published_key(GLOBAL, whole.epoch, whole.size)
        if whole.size and await self._published.get(key) is not None:
            return whole.size
        return await self._published.largest(store.published_prefix(GLOBAL, whole.epoch)) or 0

    async def _publish(self, connection: Connection[Any], whole: LogHead, published: int) -> int:
        """Publish the rounds behind `published`; returns how far that went. Signing goes on while
        the storage is away or full; what waits is published when it is back."""
        while published < whole.size:
            objects = await asyncio.to_thread(
                store.to_publish, connection, whole.epoch, published + 1
            )
            try:
                await self._published.put(objects)
            except Conflict as error:
                raise LedgerBehind(
                    f"{error}: the ledger was signed otherwise before, as before a restored "
                    "backup; run `order-history ledger reopen`"
                ) from error
            except Unavailable as error:
                log.warning("signer.not_published", round=published + 1, reason=str(error))
                return published
            published += 1
        return published


class Signing:
    """The rounds of one session, over a connection in autocommit that nobody else uses."""

    def __init__(self, connection: Connection[Any], keys: LogKeys, clock: Clock) -> None:
        self._connection = connection
        self._keys = keys
        self._clock = clock
        self._position = store.last_position(connection)
        whole = store.global_head(connection, keys.service_origin)
        self.rounds = Rounds(keys, whole, store.tenant_heads(connection).values())
        self._refused: set[str] = set()

    def turn(self) -> _Turn:
        """Sign what was added since the turn before, at most BATCH_EVENTS events of it.

        Raises LedgerBehind, psycopg.Error, KeyUnavailable.
        """
        last, tiles = store.limits(self._connection)
        if last < self._position:
            raise LedgerBehind(
                f"the last event is at position {last}, but {self._position} is signed"
            )
        up_to = min(last, tiles, self._position + store.BATCH_EVENTS)
        if up_to <= self._position:
            return _Turn()
        added = store.new_entries(self._connection, self._position, up_to)
        refused: dict[str, tuple[int, str]] = {}
        grown = self._grown(added, refused)
        passed = sorted(self._refused & grown.keys())
        self._refused = (self._refused - grown.keys()) | refused.keys()
        signed = None
        if grown:
            now_us = self._clock()
            signed = self.rounds.sign(grown, now_us // SECOND)
            store.write(self._connection, signed, up_to, now_us)
            self.rounds.commit(signed)
        self._position = up_to
        return _Turn(signed, up_to < min(last, tiles), refused, passed)

    def _grown(
        self, added: dict[str, list[tuple[int, bytes]]], refused: dict[str, tuple[int, str]]
    ) -> Grown:
        """Each log that can go on, with its new entries. `refused` is told of the others."""
        heads = store.tenant_heads(self._connection, list(added))
        epoch, place = self.rounds.whole.epoch, self.rounds.places
        grown: Grown = {}
        for tenant_id in sorted(added):
            head = heads.get(tenant_id)
            if head is not None and not self.rounds.knows(head):
                refused[tenant_id] = (head.size, "the head in the database is not the one signed")
                continue
            fresh = head or empty_head(self._keys.service_origin, tenant_id, place, epoch)
            entries = self._behind(fresh, added[tenant_id])
            if entries is None:
                refused[tenant_id] = (fresh.size + 1, "the event after the last signed one is gone")
            elif entries:
                grown[tenant_id] = (fresh, entries)
                place += head is None
        return grown

    def _behind(self, head: LogHead, added: list[tuple[int, bytes]]) -> list[bytes] | None:
        """The entries after a head, as far as the added ones; None where one is missing."""
        last = added[-1][0]
        if added[0][0] != head.size + 1:
            added = store.entries_behind(self._connection, head.tenant_id, head.size, last)
        if [sequence for sequence, _ in added] != list(range(head.size + 1, last + 1)):
            return None
        return [entry for _, entry in added]
