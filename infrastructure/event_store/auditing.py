"""Re-reads every stored byte of tenants' ledgers and recomputes their chains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Connection

from domain.ledger.recompute import Difference, LedgerRow, LedgerWalk

_PAGE = 5000
TENANTS = """
with recursive t(tenant_id) as (
  (select tenant_id from events order by tenant_id limit 1)
  union all
  select (select e.tenant_id from events e where e.tenant_id > t.tenant_id
           order by e.tenant_id limit 1) from t where t.tenant_id is not null)
select t.tenant_id, (select max(sequence) from events e where e.tenant_id = t.tenant_id)
  from t where t.tenant_id is not null
"""
ROWS = """
select position, topic, originator_id, originator_version, tenant_id, sequence, event_id,
       correction_of, received_us, entry, ledger_hash, state
  from events where tenant_id = %s and sequence > %s order by sequence limit %s
"""
POSITIONS = "select count(*), coalesce(max(position), 0) from events"


def audit(
    connection: Connection[Any],
    tenants: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, list[Difference]]:
    """Recompute the ledgers of these tenants, or of all.

    Returns how many events held, and the first difference of each tenant whose ledger does not
    hold. What is appended meanwhile is not looked at.
    """
    heads: dict[str, int] = dict(connection.execute(TENANTS).fetchall())
    chosen = heads if tenants is None else {t: heads.get(t, 0) for t in tenants}
    total, done = sum(chosen.values()), 0
    found: list[Difference] = []
    for tenant_id, last in chosen.items():
        walk = LedgerWalk(tenant_id)
        while walk.sequence < last:
            before = walk.sequence
            difference = _page(connection, walk)
            done += walk.sequence - before
            if progress is not None:
                progress(min(done, total), total)
            if difference is not None:
                found.append(difference)
                break
    return done, found


def gaps(connection: Connection[Any]) -> int:
    """How many positions of the cell are missing below the last one."""
    count, last = connection.execute(POSITIONS).fetchone() or (0, 0)
    return int(last) - int(count)


def _page(connection: Connection[Any], walk: LedgerWalk) -> Difference | None:
    cursor = connection.execute(ROWS, (walk.tenant_id, walk.sequence, _PAGE), binary=True)
    rows = cursor.fetchall()
    if not rows:
        return Difference(walk.tenant_id, walk.sequence + 1, "the event is missing")
    for row in rows:
        difference = walk.check(LedgerRow(*row))
        if difference is not None:
            return difference
    return None
