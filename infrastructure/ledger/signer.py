"""The signer: follows the event store of one cell and signs what has been added.

    each interval: entries behind the last round ──▶ sign ──▶ commit ──▶ publish

It leads under a session advisory lock, so that one of several workers signs; two that signed at
once would meet in the key of the round, and one of them begin again. Events are signed after they
are committed and flushed, and no further than the tiles reach from which proofs are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from psycopg import Connection, errors

from application.ledger.ports import GLOBAL, LogKeys, ObjectStore
from application.ledger.signing import LogHead
from application.ports import Clock
from domain.errors import Conflict, Unavailable
from infrastructure.ledger import signed_store as store
from infrastructure.ledger.alarms import Alarms
from infrastructure.ledger.behind import LedgerDiffers, behind, require_ahead
from infrastructure.ledger.signing import KIND, RETRY_REFUSED, Overtaken, Signing, Turn
from infrastructure.postgres.connect import in_thread, in_threads

log = structlog.get_logger(__name__)

LEAD = "select pg_try_advisory_lock(hashtextextended('signer ' || current_schema(), 0))"
_RETRY = 1.0
_DIFFERS_RETRY = 5.0
_PUBLISHED_AT_ONCE = 60
"""Rounds that wait to be published go behind each turn, so many at most: signing goes on."""


class Signer:
    """One per cell and worker: `await signer.run()` in a task; cancel the task to stop.

    connect: opens a blocking connection in autocommit. interval: seconds between two rounds;
    retry_refused: until a log that could not go on is looked at again.
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
        retry_refused: float = RETRY_REFUSED,
    ) -> None:
        self._connect = connect
        self._keys = keys
        self._published = published
        self._alarms = alarms
        self._clock = clock
        self._interval = interval
        self._retry_refused = retry_refused

    async def run(self) -> None:
        """Until cancelled. A database, storage or keys that are away are waited for."""
        while True:
            try:
                async with in_threads(self._connect) as connection:
                    await self._lead(connection)
                    await self._follow(connection)
            except LedgerDiffers as error:
                with suppress(Unavailable):
                    await self._alarms.sound(GLOBAL, KIND, None, str(error))
                await asyncio.sleep(_DIFFERS_RETRY)
            except (Overtaken, errors.UniqueViolation):
                log.warning("signer.overtaken")
                await asyncio.sleep(_RETRY)
            except (psycopg.Error, OSError, Unavailable) as error:
                log.warning("signer.waits", error=type(error).__name__)
                await asyncio.sleep(_RETRY)

    async def _lead(self, connection: Connection[Any]) -> None:
        while True:
            row = await in_thread(lambda: connection.execute(LEAD).fetchone())
            if row and row[0]:
                return
            await asyncio.sleep(_RETRY)

    async def _follow(self, connection: Connection[Any]) -> None:
        await require_ahead(connection, self._published)
        signing = await in_thread(lambda: self._signing(connection))
        published = await self._published_round(signing.rounds.whole)
        published = await self._publish(connection, signing.rounds.whole, published)
        holds = False
        while True:
            started = asyncio.get_running_loop().time()
            if not holds and published == signing.rounds.whole.size:
                await self._alarms.clear(GLOBAL, KIND)
                holds = True
            turn = await in_thread(signing.turn)
            await self._tell(turn)
            published = await self._publish(connection, signing.rounds.whole, published)
            holds = holds and published == signing.rounds.whole.size
            if not turn.more:
                spent = asyncio.get_running_loop().time() - started
                await asyncio.sleep(max(0.0, self._interval - spent))

    def _signing(self, connection: Connection[Any]) -> Signing:
        return Signing(
            connection,
            self._keys,
            self._clock,
            interval=self._interval,
            retry_refused=self._retry_refused,
        )

    async def _tell(self, turn: Turn) -> None:
        for tenant_id, (sequence, reason) in turn.refused.items():
            await self._alarms.sound(tenant_id, KIND, sequence, reason)
        for tenant_id in turn.passed:
            await self._alarms.clear(tenant_id, KIND)

    async def _published_round(self, whole: LogHead) -> int:
        """The newest round that is published: as a rule the newest there is."""
        key = store.published_key(GLOBAL, whole.epoch, whole.size)
        if whole.size and await self._published.get(key) is not None:
            return whole.size
        prefix = store.published_prefix(GLOBAL, whole.epoch)
        newest = await self._published.largest(prefix) or 0
        if newest > whole.size:
            raise behind(f"round {newest} is published and {whole.size} is the last one here")
        return newest

    async def _publish(self, connection: Connection[Any], whole: LogHead, published: int) -> int:
        """Publish rounds behind `published`; returns how far that went. Signing goes on while the
        storage is away or full; what waits is published when it is back. Raises LedgerDiffers."""
        for number in range(published, min(whole.size, published + _PUBLISHED_AT_ONCE)):
            try:
                await self._publish_round(connection, whole.epoch, number + 1)
            except Conflict as error:
                raise LedgerDiffers(
                    f"{error}: it was changed there, or is of another installation; nothing is "
                    "signed until that is moved away"
                ) from error
            except Unavailable as error:
                log.warning("signer.not_published", round=number + 1, reason=str(error))
                # Till it is, a backup restored would not be known for one.
                await self._alarms.sound(GLOBAL, KIND, None, f"checkpoints wait: {error}")
                return number
        return min(whole.size, published + _PUBLISHED_AT_ONCE)

    async def _publish_round(self, connection: Connection[Any], epoch: int, number: int) -> None:
        """The global log's checkpoint last, so that where it is, all of the round are."""
        objects = await in_thread(lambda: store.to_publish(connection, epoch, number))
        last = store.published_key(GLOBAL, epoch, number)
        if last not in objects:
            raise LedgerDiffers(
                f"the checkpoints of round {number} are gone: restore the database from a backup"
            )
        await self._published.put({key: note for key, note in objects.items() if key != last})
        await self._published.put({last: objects[last]})
