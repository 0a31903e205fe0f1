"""Takes the framework's snapshots off the request path: of each order at each hundredth version."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection

from infrastructure.event_store.framework import OrderLedger

EVERY = 100
_LOOK_EVERY = 1.0
_SPAN = 20_000
MODEL = "aggregate_snapshots"

DUE = """
select originator_id, originator_version from events
 where position > %s and position <= %s
   and originator_version %% %s = 0 and topic = 'order.recorded'
 order by position
"""
SPAN = """
select t.position, least(t.position + %s, coalesce((select max(position) from events), 0))
  from tracking t where t.model = %s
"""
REGISTER = (
    "insert into tracking (model, position, updated_us) values (%s, 0, 0) on conflict do nothing"
)
MOVE = "update tracking set position = %s where model = %s and position = %s"
log = structlog.get_logger(__name__)


class Snapshotter:
    """Follows the event store at leisure. A snapshot that is missing costs time, never truth."""

    def __init__(self, connect: Callable[[], Connection[Any]], every: int = EVERY) -> None:
        self._connect = connect
        self._every = every

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        while True:
            try:
                with await self._connected() as connection:
                    while True:
                        if not await asyncio.to_thread(self.turn, connection):
                            await asyncio.sleep(_LOOK_EVERY)
            except (psycopg.Error, OSError) as error:
                log.warning("snapshots.away", error=type(error).__name__)
                await asyncio.sleep(_LOOK_EVERY)

    async def _connected(self) -> Connection[Any]:
        """If this is cancelled meanwhile, what is opened is closed again."""
        opening = asyncio.ensure_future(asyncio.to_thread(self._connect))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close)
            raise

    def turn(self, connection: Connection[Any]) -> bool:
        """Take the snapshots of the next span of positions; whether there was any."""
        connection.execute(REGISTER, (MODEL,))
        start, end = connection.execute(SPAN, (_SPAN, MODEL)).fetchone() or (0, 0)
        if end <= start:
            return False
        due = connection.execute(DUE, (start, end, self._every)).fetchall()
        if due:
            with OrderLedger(self._connect) as ledger:
                for originator_id, version in due:
                    take(ledger, originator_id, version)
        connection.execute(MOVE, (end, MODEL, start))
        return True


def _close(opening: asyncio.Future[Connection[Any]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def take(ledger: OrderLedger, originator_id: UUID, version: int) -> bool:
    """Whether it could be. An order that does not fold keeps none of the others from being kept.
    Its error is named by class alone: a message may carry values of an event."""
    try:
        ledger.take_snapshot(originator_id, version)
    except (psycopg.Error, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - costs time, never truth
        # No traceback, which may show an event's values.
        log.error("snapshot.failed", version=version, error=type(error).__name__)  # noqa: TRY400
        return False
    return True
