"""Alarms: what differs from what was signed or stored before, until it is found to hold again.

An alarm stands in a table, which health and metrics read, and is recorded once, as
`history.ledger.alarm`, on the ledger of the tenant concerned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ledger.ports import GLOBAL
from application.ports import Clock, Door
from domain.errors import OrderHistoryError
from domain.ledger.acts import alarm
from domain.times import format_us
from infrastructure.postgres.connect import store_errors

log = structlog.get_logger(__name__)

RAISE = """
insert into ledger_alarms (tenant_id, kind, sequence, detail, raised_us)
values (%s, %s, %s, %s, %s) on conflict (tenant_id, kind) do nothing
"""
CLEAR = "delete from ledger_alarms where tenant_id = %s and kind = %s"
ALL = "select tenant_id, kind, sequence, detail, raised_us from ledger_alarms order by raised_us"


class Alarm(Struct, frozen=True):
    """tenant_id: or GLOBAL. kind: what found it. sequence: of the first event concerned."""

    tenant_id: str
    kind: str
    sequence: int | None
    detail: str
    raised_us: int


class Alarms:
    """Any number of processes at once."""

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        door: Door,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._pool = pool
        self._door = door
        self._clock = clock
        self._random_bytes = random_bytes

    async def sound(self, tenant_id: str, kind: str, sequence: int | None, detail: str) -> None:
        """Raise an alarm, unless one of this kind stands for the tenant. Raises Unavailable.

        detail: one line, without values of an event.
        """
        now_us = self._clock()
        if not await self._execute(RAISE, (tenant_id, kind, sequence, detail, now_us)):
            return
        log.error("ledger.alarm", tenant=tenant_id, kind=kind, sequence=sequence, detail=detail)
        if tenant_id == GLOBAL:
            return
        draft = alarm(
            tenant_id, kind, sequence, detail,
            now=format_us(now_us), random_bytes=self._random_bytes,
        )  # fmt: skip
        try:
            await self._door.submit([draft])
        except OrderHistoryError as error:  # a closed ledger: the table and the log have it
            log.warning("ledger.alarm_not_recorded", error=type(error).__name__)

    async def clear(self, tenant_id: str, kind: str) -> None:
        """It was looked at again, and holds. Raises Unavailable."""
        if await self._execute(CLEAR, (tenant_id, kind)):
            log.info("ledger.alarm_cleared", tenant=tenant_id, kind=kind)

    async def all(self) -> list[Alarm]:
        """The oldest first. Raises Unavailable."""
        with store_errors():
            async with self._pool.connection() as connection:
                rows = await (await connection.execute(ALL)).fetchall()
        return [Alarm(*row) for row in rows]

    async def _execute(self, statement: str, parameters: tuple[object, ...]) -> bool:
        with store_errors():
            async with self._pool.connection() as connection:
                return (await connection.execute(statement, parameters)).rowcount > 0
