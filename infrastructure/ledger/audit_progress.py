"""How far the self-audit is: kept in the database, so that a worker goes on where one was killed.

It goes through the tenants by their ids, pass after pass. So of the rows of the newest pass the
last one by id is where it is; no other row has to say so.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from psycopg import Connection

from domain.ledger.recompute import Reached

_MOST_PASSES = 2**40
"""More were never made: whoever wrote so into the database shall not have the last word."""

NEWEST = f"""
select passes, tenant_id, sequence, ledger_hash, received_us, position, frontier
  from ledger_audits where passes between 1 and {_MOST_PASSES}
 order by passes desc, tenant_id desc limit 1
"""
KEEP = """
insert into ledger_audits
       (passes, looked_us, tenant_id, sequence, ledger_hash, received_us, position, frontier)
values (%s, %s, %s, %s, %s, %s, %s, %s)
    on conflict (tenant_id) do update
   set passes = excluded.passes, looked_us = excluded.looked_us, sequence = excluded.sequence,
       ledger_hash = excluded.ledger_hash, received_us = excluded.received_us,
       position = excluded.position, frontier = excluded.frontier
"""
# Of a tenant whose events are gone the checkpoints tell.
NEXT = """
select least((select tenant_id from events where tenant_id > %(after)s
               order by tenant_id limit 1),
             (select tenant_id from ledger_checkpoints where tenant_id > %(after)s
               order by tenant_id limit 1))
"""


class Progress(Struct, frozen=True):
    """Where the self-audit is.

    number: of the pass, from 1 on. tenant_id: "" before the first one. ended: nothing is left to
    be looked at there in this pass. whole: all up to what was reached was read by this process;
    what comes from the database somebody may have changed there.
    """

    number: int
    tenant_id: str
    reached: Reached = Reached()
    whole: bool = True
    ended: bool = False


def load(connection: Connection[Any]) -> Progress:
    """What the last worker left."""
    row = connection.execute(NEWEST).fetchone()
    if row is None:
        return Progress(1, "", ended=True)
    number, tenant_id, *reached = row
    return Progress(number, tenant_id, Reached(*reached), whole=False)


def keep(connection: Connection[Any], progress: Progress, now_us: int) -> None:
    """For the next worker."""
    reached = progress.reached
    connection.execute(
        KEEP,
        (
            progress.number,
            now_us,
            progress.tenant_id,
            reached.sequence,
            reached.ledger_hash,
            reached.received_us,
            reached.position,
            reached.frontier,
        ),
    )


def next_log(connection: Connection[Any], after: str) -> str | None:
    """The first tenant behind one, by id, or the global log where that comes first."""
    row = connection.execute(NEXT, {"after": after}).fetchone()
    return row[0] if row else None
