"""Does the store lie behind what was signed and published of it, as a restored backup does?"""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from application.ledger.ports import GLOBAL, ObjectStore
from domain.errors import Unavailable
from infrastructure.ledger.signed_store import HEADS, checkpoint_note, published_key
from infrastructure.postgres.connect import store_errors


class LedgerBehind(Unavailable):
    """The store lies behind what was signed of it: nothing can be recorded."""

    retry_after = 60


NEWEST = """
select coalesce((select position from events order by position desc limit 1), 0),
       coalesce((select position from ledger_rounds order by epoch desc, round desc limit 1), 0)
"""
CUT = """
select h.tenant_id, h.size, coalesce(e.sequence, 0)
  from ledger_heads h
  left join lateral (
       select sequence from events where tenant_id = h.tenant_id
        order by sequence desc limit 1) as e on true
 where h.place is not null and h.size > coalesce(e.sequence, 0)
 order by h.tenant_id limit 1
"""


async def require_ahead(connection: Connection[Any], published: ObjectStore) -> None:
    """Raises LedgerBehind, saying what is missing; Unavailable when it cannot be told.

    Rounds are published without a gap, so one look past the newest round is enough.
    """
    with store_errors():
        whole = connection.execute(HEADS, ([GLOBAL],)).fetchone()
        cut = connection.execute(CUT).fetchone()
        last, signed = connection.execute(NEWEST).fetchone() or (0, 0)
    epoch, size = (whole[2], whole[4]) if whole else (1, 0)
    if cut is not None:
        tenant_id, there, left = cut
        raise LedgerBehind(_told(f"{there} events of {tenant_id} are signed and {left} are there"))
    if last < signed:
        raise LedgerBehind(_told(f"position {signed} is signed and {last} is the last one there"))
    if await _differs(connection, published, epoch, size):
        raise LedgerBehind(_told(f"round {size} is published with other content"))
    if await published.get(published_key(GLOBAL, epoch, size + 1)) is not None:
        raise LedgerBehind(_told(f"round {size + 1} is published and {size} is the last one here"))


async def _differs(
    connection: Connection[Any], published: ObjectStore, epoch: int, size: int
) -> bool:
    there = await published.get(published_key(GLOBAL, epoch, size)) if size else None
    return there is not None and there.decode() != checkpoint_note(connection, GLOBAL, epoch, size)


def _told(what: str) -> str:
    return (
        f"the store lies behind what was signed of it ({what}), as after a restored backup: "
        "nothing is recorded until `order-history ledger reopen` begins a new origin"
    )
