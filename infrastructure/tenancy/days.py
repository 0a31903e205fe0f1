"""Which events of a ledger are of which day: received_at never decreases along it, so the first of
a day is found by halving, in as many look-ups as the number of events has bits."""

from __future__ import annotations

from infrastructure.postgres.connect import Pool, store_errors

# `low` is the last event known to be before the day, 0 for none; `high` one that is not, or the
# one behind the last.
BEFORE = """
with recursive ledger as (
  select coalesce((select sequence from events where tenant_id = %(tenant)s
                    order by sequence desc limit 1), 0) as last),
halving(low, high) as (
  select 0::bigint, last + 1 from ledger
  union all
  select case when e.received_us < %(day)s then e.sequence else h.low end,
         case when e.received_us < %(day)s then h.high else e.sequence end
    from halving h
    join events e on e.tenant_id = %(tenant)s and e.sequence = (h.low + h.high) / 2
   where h.high - h.low > 1)
select (select max(low) from halving), last from ledger
"""


class StoredDays:
    """Implements `application.tenancy.quotas.LedgerDays`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def before(self, tenant_id: str, day_us: int) -> tuple[int, int]:
        given = {"tenant": tenant_id, "day": day_us}
        with store_errors():
            async with self._pool.connection() as connection:
                row = await (await connection.execute(BEFORE, given)).fetchone()
        assert row is not None, "it is one row"
        return row[0], row[1]
