"""The self-audit at work over a cell, and what it has found and reached."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from infrastructure.ledger.self_audit import SelfAudit
from tests.infrastructure.event_store.kit import now_us
from tests.infrastructure.ledger.cell import Cell, meanwhile, until

EVENTS = 300
FAST, SLOW = 10**9, 1
"""Of events a second; with the slow one an audit looks at one batch and then sleeps for minutes."""
EDITED = "update events set state = set_byte(state, 40, 255 - get_byte(state, 40))"

Alarms = dict[str, tuple[int, str]]


def audit(cell: Cell, *, rate: int = FAST, **given: Any) -> SelfAudit:
    given = {"connect": cell.connect, "published": cell.published, "rest": 0.01, **given}
    connect, published = given.pop("connect"), given.pop("published")
    return SelfAudit(
        connect, cell.keys, published, cell.alarms, now_us, rate=rate, **given
    )  # fmt: skip


def running(*audits: SelfAudit) -> AbstractAsyncContextManager[None]:
    return meanwhile(*(one.run for one in audits))


def alarms(cell: Cell) -> Alarms:
    rows = cell.rows("select tenant_id, sequence, detail from ledger_alarms where kind = 'audit'")
    return {tenant: (sequence, detail) for tenant, sequence, detail in rows}


def passes(cell: Cell) -> int:
    """That have come to their end."""
    ((newest,),) = cell.rows("select coalesce(max(passes), 1) from ledger_audits")
    return int(newest) - 1


def reached(cell: Cell, tenant: str = "acme") -> int:
    rows = cell.rows("select sequence from ledger_audits where tenant_id = %s", tenant)
    return rows[0][0] if rows else 0


async def whole_passes(cell: Cell, count: int = 2) -> None:
    """Let so many more come to their end: one that begins after this is among two."""
    wanted = passes(cell) + count
    await until(lambda: passes(cell) >= wanted)
