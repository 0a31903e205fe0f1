"""Does the store lie behind what was signed and published of it, as a restored backup does?"""

from __future__ import annotations

from typing import Any

import structlog
from msgspec import Struct
from psycopg import Connection

from application.ledger.ports import GLOBAL, ObjectStore
from domain.errors import Unavailable
from infrastructure.ledger.signed_store import HEADS, checkpoint_note, published_key
from infrastructure.postgres.connect import in_thread, store_errors

log = structlog.get_logger(__name__)


class LedgerDiffers(Unavailable):
    """What was signed of the ledger last is not what is there: nothing can be signed."""

    retry_after = 60


class LedgerBehind(LedgerDiffers):
    """The store lies behind what was signed of it: nothing can be recorded."""


NEWEST = """
select coalesce((select position from events order by position desc limit 1), 0),
       coalesce((select position from ledger_rounds order by epoch desc, round desc limit 1), 0)
"""
# A head whose checkpoint is nowhere is no witness against the events: the signer refuses it alone.
CUT = """
select h.tenant_id, h.size, coalesce(e.sequence, 0)
  from ledger_heads h
  left join lateral (
       select sequence from events where tenant_id = h.tenant_id
        order by sequence desc limit 1) as e on true
 where h.place is not null and h.size > coalesce(e.sequence, 0)
   and exists (select from ledger_checkpoints c
                where c.tenant_id = h.tenant_id and c.epoch = h.epoch and c.size = h.size)
 order by h.tenant_id limit 1
"""


class _Stored(Struct, frozen=True):
    """What the database says. position: of the last event; signed: up to which rounds cover
    them; note: the global log's checkpoint; cut: a log with fewer events than are signed."""

    epoch: int
    size: int
    note: str | None
    position: int
    signed: int
    cut: tuple[str, int, int] | None


async def require_ahead(connection: Connection[Any], published: ObjectStore) -> None:
    """Raises LedgerBehind, saying what is missing (of tenants no name: whoever records is told);
    Unavailable when it cannot be told.

    Rounds are published without a gap, so one look past the newest round is enough.
    """
    stored = await in_thread(lambda: _look(connection))
    while (missing := await _published_beyond(stored, published)) is not None:
        before, stored = stored, await in_thread(lambda: _look(connection))
        if (stored.epoch, stored.size) == (before.epoch, before.size):
            raise behind(missing)
        # A round is committed, then published: this one was so between the two looks.
    if stored.cut is not None:
        tenant_id, there, left = stored.cut
        log.warning("ledger.cut", tenant=tenant_id, signed=there, left=left)
        raise behind(f"{there} events of a tenant are signed and {left} are there")
    if stored.position < stored.signed:
        raise behind(
            f"position {stored.signed} is signed and {stored.position} is the last one there"
        )


async def _published_beyond(stored: _Stored, published: ObjectStore) -> str | None:
    """What is published that is not stored, if anything is."""
    epoch, size = stored.epoch, stored.size
    if (await published.largest(GLOBAL) or 0) > epoch:
        return f"an origin after number {epoch} is published"
    there_too = await published.get(published_key(GLOBAL, epoch, size)) if size else None
    if there_too is not None and there_too != (stored.note or "").encode():
        return f"round {size} is published with other content"
    if await published.get(published_key(GLOBAL, epoch, size + 1)) is not None:
        return f"round {size + 1} is published and {size} is the last one here"
    return None


def _look(connection: Connection[Any]) -> _Stored:
    with store_errors():
        whole = connection.execute(HEADS, ([GLOBAL],)).fetchone()
        epoch, size = (whole[2], whole[4]) if whole else (1, 0)
        note = checkpoint_note(connection, GLOBAL, epoch, size)
        position, signed = connection.execute(NEWEST).fetchone() or (0, 0)
        cut = connection.execute(CUT).fetchone()
    return _Stored(epoch, size, note, position, signed, cut)


def behind(what: str) -> LedgerBehind:
    """The error for what is missing, told in a few words."""
    return LedgerBehind(
        f"the store lies behind what was signed of it ({what}), as after a restored backup: "
        "nothing is recorded until `order-history ledger reopen` begins a new origin"
    )
