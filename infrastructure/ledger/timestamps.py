"""Timestamps of the global log's checkpoints: when they were there, said by somebody else.

One covers every tenant, as a round of the global log does. Each is kept in the database, and beside
the checkpoint where that is published, if not a newer one came before the storage was back.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ledger.ports import GLOBAL, ObjectStore
from application.ports import Clock
from domain.errors import OrderHistoryError
from domain.times import SECOND
from infrastructure.ledger.timestamp_authority import TimestampAuthority
from infrastructure.postgres.connect import store_errors

EVERY_US = 60 * SECOND
"""At most one timestamp in this time."""

_LATE_US = 10 * EVERY_US
_LOOK_SECONDS = 1.0
_LONGEST_PAUSE = 300.0

log = structlog.get_logger(__name__)

# One of several workers at a time.
ALONE = "select pg_try_advisory_xact_lock(hashtextextended('timestamps ' || current_schema(), 0))"
DUE = f"""
select h.epoch, h.size, c.note
  from ledger_heads h
  join ledger_checkpoints c
    on c.tenant_id = h.tenant_id and c.epoch = h.epoch and c.size = h.size
 where h.tenant_id = '{GLOBAL}'
   and not exists (select from ledger_timestamps t
                    where t.tenant_id = h.tenant_id and t.epoch = h.epoch and t.size = h.size)
   and not exists (select from ledger_timestamps t
                    where t.tenant_id = h.tenant_id and t.stamped_us > %s and t.stamped_us <= %s)
"""
KEEP = f"""
insert into ledger_timestamps (tenant_id, epoch, size, token, stamped_us)
values ('{GLOBAL}', %s, %s, %s, %s) on conflict do nothing
"""
NEWEST = """
select t.epoch, t.size, t.stamped_us, t.token, c.note
  from ledger_timestamps t
  join ledger_checkpoints c
    on c.tenant_id = t.tenant_id and c.epoch = t.epoch and c.size = t.size
 where t.tenant_id = %s order by t.epoch desc, t.size desc limit 1
"""
WAITING_SINCE = f"""
select c.signed_us
  from ledger_heads h
  join ledger_checkpoints c
    on c.tenant_id = h.tenant_id and c.epoch = h.epoch
   and c.size > coalesce((select max(size) from ledger_timestamps t
                           where t.tenant_id = h.tenant_id and t.epoch = h.epoch), 0)
 where h.tenant_id = '{GLOBAL}' order by c.size limit 1
"""

Pool = AsyncConnectionPool[AsyncConnection[Any]]


class Timestamped(Struct, frozen=True):
    """A checkpoint with its timestamp. token: the RFC 3161 response, DER, over the bytes of `note`.
    stamped_us: the time that it says, microseconds since 1970."""

    epoch: int
    size: int
    stamped_us: int
    token: bytes
    note: str


class Timestamps:
    """Reads them, in any process. expected: whether there is an authority."""

    def __init__(self, pool: Pool, clock: Clock, *, expected: bool = False) -> None:
        self._pool = pool
        self._clock = clock
        self._expected = expected

    async def newest(self, tenant_id: str = GLOBAL) -> Timestamped | None:
        """Of a log; None where there is none. Raises Unavailable."""
        with store_errors():
            async with self._pool.connection() as connection:
                row = await (await connection.execute(NEWEST, (tenant_id,))).fetchone()
        return Timestamped(*row) if row else None

    async def troubles(self) -> list[str]:
        """What is wrong, a line each. Raises Unavailable."""
        if not self._expected:
            return []
        with store_errors():
            async with self._pool.connection() as connection:
                row = await (await connection.execute(WAITING_SINCE)).fetchone()
        waited = self._clock() - row[0] if row else 0
        return [f"no timestamp for {waited // SECOND} s"] if waited > _LATE_US else []


class Stamping:
    """One per worker: `await stamping.run()` in a task; cancel the task to stop."""

    def __init__(
        self, pool: Pool, authority: TimestampAuthority, published: ObjectStore, clock: Clock
    ) -> None:
        self._pool = pool
        self._authority = authority
        self._published = published
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled. A database or an authority that is away is waited for."""
        pause, unpublished = _LOOK_SECONDS, True  # a kill may have come in between
        while True:
            try:
                unpublished = await self.turn() or unpublished
                if unpublished:
                    await self._publish()
                pause, unpublished = _LOOK_SECONDS, False
            except OrderHistoryError as error:
                pause = min(pause * 2, _LONGEST_PAUSE)
                log.warning("timestamps.wait", reason=str(error), retry_s=pause)
            await asyncio.sleep(pause)

    async def turn(self) -> bool:
        """Have the newest checkpoint stamped, unless it is, or it is too soon; whether it was.

        Raises Unavailable, AuthorityRefused.
        """
        now_us = self._clock()
        with store_errors():
            async with self._pool.connection() as connection, connection.transaction():
                if not await _alone(connection):
                    return False
                # A time in the future, of a clock that is wrong, must not stop this for ever.
                due = await connection.execute(DUE, (now_us - EVERY_US, now_us + EVERY_US))
                found = await due.fetchone()
                if found is None:
                    return False
                epoch, size, note = found
                stamp = await self._authority.stamp(note.encode())
                await connection.execute(KEEP, (epoch, size, stamp.response, stamp.stamped_us))
        log.info("timestamped", size=size)
        return True

    async def _publish(self) -> None:
        """The newest one."""
        newest = await Timestamps(self._pool, self._clock).newest()
        if newest is not None:
            key = timestamp_key(newest.epoch, newest.size)
            await self._published.put({key: newest.token})


def timestamp_key(epoch: int, size: int) -> str:
    """Where the timestamp of a checkpoint of the global log is published."""
    return f"{GLOBAL}/{epoch}/timestamp/{size}.tsr"


async def _alone(connection: AsyncConnection[Any]) -> bool:
    row = await (await connection.execute(ALONE)).fetchone()
    return bool(row and row[0])
