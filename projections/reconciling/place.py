"""How far the reconciler is: kept in the database, so that a worker goes on where one was killed.

It goes through the tenants by their ids, pass after pass, as the self-audit does; of the rows of
the newest pass the last one by id is where it is.
"""

from __future__ import annotations

from msgspec import Struct

from projections.reading import Connection

NEWEST = """
select passes, tenant_id, sequence from reconciliations order by passes desc, tenant_id desc limit 1
"""
KEEP = """
insert into reconciliations (passes, looked_us, healed, tenant_id, sequence)
values (%s, %s, %s, %s, %s)
    on conflict (tenant_id) do update
   set passes = excluded.passes, looked_us = excluded.looked_us, sequence = excluded.sequence,
       healed = reconciliations.healed + excluded.healed
"""
# A tenant of which read models alone tell is looked at as well.
NEXT = """
select least(
  (select tenant_id from events where tenant_id > %(after)s order by tenant_id limit 1),
  (select tenant_id from orders where tenant_id > %(after)s order by tenant_id limit 1),
  (select tenant_id from order_events where tenant_id > %(after)s order by tenant_id limit 1))
"""
FIGURES = """
select passes, sum(sequence)::bigint, (select sum(healed)::bigint from reconciliations)
  from reconciliations group by passes order by passes desc limit 1
"""


class Place(Struct, frozen=True):
    """Where the reconciler is: in which pass (from 1 on), at which tenant ("" before the first) and
    sequence. ended: nothing is left to be looked at there in this pass."""

    passes: int
    tenant_id: str
    sequence: int = 0
    ended: bool = False


class Reconciled(Struct, frozen=True):
    """passes: those before. events: looked at in the one under way. healed: rows, in all."""

    passes: int
    events: int
    healed: int


async def load(connection: Connection) -> Place:
    """What the last worker left."""
    row = await (await connection.execute(NEWEST)).fetchone()
    return Place(*row) if row else Place(1, "", ended=True)


async def keep(connection: Connection, place: Place, healed: int, now_us: int) -> None:
    """For the next worker; healed: rows since this was kept before."""
    parameters = place.passes, now_us, healed, place.tenant_id, place.sequence
    await connection.execute(KEEP, parameters)


async def next_tenant(connection: Connection, after: str) -> str | None:
    """The first one behind another, by id."""
    row = await (await connection.execute(NEXT, {"after": after})).fetchone()
    return row[0] if row else None


async def reconciled(connection: Connection) -> Reconciled:
    """For metrics; any process may ask."""
    row = await (await connection.execute(FIGURES)).fetchone()
    passes, events, healed = row or (1, 0, 0)
    return Reconciled(passes - 1, events, healed)
