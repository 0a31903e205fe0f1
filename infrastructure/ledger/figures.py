"""Measures the ledger: one statement, and as a rule one look at what is published."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from psycopg import Connection

from application.ledger.figures import LedgerFigures
from application.ledger.ports import GLOBAL, ObjectStore
from application.ports import Clock
from domain.errors import Unavailable
from infrastructure.ledger.signed_store import published_key
from infrastructure.postgres.connect import Pool, store_errors

FIGURES = """
with signed as (
  select epoch, round, position, signed_us from ledger_rounds
   order by epoch desc, round desc limit 1),
unsigned as (
  select received_us from events
   where position > coalesce((select position from signed), 0) order by position limit 1),
alarms as (select kind, count(*) as standing from ledger_alarms group by kind),
audited as (
  select passes, sum(sequence)::bigint as events from ledger_audits
   group by passes order by passes desc limit 1)
select (select coalesce(jsonb_object_agg(kind, standing), '{}') from alarms),
       coalesce((select position from events order by position desc limit 1), 0)
         - coalesce((select position from signed), 0),
       (select greatest(received_us, (select signed_us from signed)) from unsigned),
       coalesce((select epoch from signed), 1), coalesce((select round from signed), 0),
       coalesce((select events from audited), 0), coalesce((select passes from audited), 1) - 1
"""
NEWEST = f"""
select h.epoch, h.size, h.origin, c.note
  from ledger_heads h
  left join ledger_checkpoints c
    on c.tenant_id = h.tenant_id and c.epoch = h.epoch and c.size = h.size
 where h.tenant_id = '{GLOBAL}' and h.size > 0
"""


class NewestRound(Struct, frozen=True):
    """Of the global log the newest checkpoint; `note` None when it is not there."""

    epoch: int
    number: int
    origin: str
    note: str | None


def newest_round(connection: Connection[Any]) -> NewestRound | None:
    """None while nothing is signed under the current origins."""
    row = connection.execute(NEWEST).fetchone()
    return NewestRound(*row) if row else None


async def ledger_figures(pool: Pool, published: ObjectStore, clock: Clock) -> LedgerFigures:
    """As they are now. Raises Unavailable while the database is away."""
    with store_errors():
        async with pool.connection() as connection:
            row = await (await connection.execute(FIGURES)).fetchone()
    assert row is not None, "a select without a table has one row"
    alarms, unsigned, since_us, epoch, rounds, audited, passes = row
    return LedgerFigures(
        alarms=alarms,
        unsigned_events=max(0, unsigned),
        signed_age_us=0 if since_us is None else max(0, clock() - since_us),
        unpublished_rounds=await _unpublished(published, epoch, rounds),
        audited_events=audited,
        audit_passes=passes,
    )


async def _unpublished(published: ObjectStore, epoch: int, rounds: int) -> int | None:
    """Rounds are published in order and without a gap: a search finds the last one."""

    async def there(number: int) -> bool:
        return await published.get(published_key(GLOBAL, epoch, number)) is not None

    missing, step = rounds + 1, 1
    try:
        while missing > step and not await there(missing - step):
            missing, step = missing - step, step * 2
        last = max(0, missing - step)
        while missing - last > 1:
            middle = (last + missing) // 2
            last, missing = (middle, missing) if await there(middle) else (last, middle)
    except Unavailable:
        return None
    return rounds - last
