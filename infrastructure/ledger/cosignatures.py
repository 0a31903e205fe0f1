"""What witnesses have said of our logs, and what follows from it, in the database of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ledger.ports import GLOBAL
from application.ledger.signatures import cosigners
from application.ledger.witnessing import Due, Fault
from application.ports import Clock
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.notes import NoteSignature, SignedNote
from domain.ledger.policy import Policy
from domain.times import SECOND
from infrastructure.postgres.connect import store_errors

log = structlog.get_logger(__name__)

DUE = f"""
select h.tenant_id, h.epoch, h.size, c.note, w.name,
       case when s.epoch = h.epoch then s.size else 0 end, s.fault
  from ledger_heads h
  join ledger_checkpoints c
    on c.tenant_id = h.tenant_id and c.epoch = h.epoch and c.size = h.size
 cross join unnest(%s::text[]) as w(name)
  left join ledger_witnesses s on s.tenant_id = h.tenant_id and s.witness = w.name
 where (h.tenant_id = '{GLOBAL}') = %s
   and (s.epoch is distinct from h.epoch or (s.size < h.size and s.retry_us <= %s))
 order by coalesce(s.asked_us, 0), h.tenant_id limit %s
"""
KEEP = """
insert into ledger_cosignatures (tenant_id, epoch, size, witness, line, signed_us)
values (%s, %s, %s, %s, %s, %s) on conflict do nothing
"""
_SIZE = """
case when s.epoch = excluded.epoch then greatest(s.size, excluded.size) else excluded.size end
"""
SAID = f"""
insert into ledger_witnesses as s
       (tenant_id, witness, epoch, size, cosigned_us, asked_us, retry_us)
values (%s, %s, %s, %s, %s, %s, 0)
on conflict (tenant_id, witness) do update
   set epoch = excluded.epoch, size = {_SIZE}, cosigned_us = excluded.cosigned_us,
       fault = null, reason = null, asked_us = excluded.asked_us, retry_us = 0
 where s.epoch <= excluded.epoch
"""
FAULT = f"""
insert into ledger_witnesses as s
       (tenant_id, witness, epoch, size, fault, reason, asked_us, retry_us)
values (%s, %s, %s, 0, %s, %s, %s, %s)
on conflict (tenant_id, witness) do update
   set epoch = excluded.epoch, size = {_SIZE}, fault = excluded.fault, reason = excluded.reason,
       asked_us = excluded.asked_us, retry_us = excluded.retry_us
 where s.epoch <= excluded.epoch
"""
FAULTS = """
select fault from ledger_witnesses
 where tenant_id = %s and witness = any(%s) and fault is not null
"""
HEAD = "select size from ledger_heads where tenant_id = %s and epoch = %s"

_CANDIDATES = 1000
CANDIDATES = f"""
select h.epoch, k.size, array_agg(k.witness)
  from ledger_heads h
  join ledger_cosignatures k
    on k.tenant_id = h.tenant_id and k.epoch = h.epoch and k.size > h.witnessed_size
 where h.tenant_id = %s
 group by h.epoch, k.size order by k.size desc limit {_CANDIDATES}
"""
COSIGNED_NOTE = """
select c.note || string_agg(k.line, '')
  from ledger_checkpoints c
  join ledger_cosignatures k
    on k.tenant_id = c.tenant_id and k.epoch = c.epoch and k.size = c.size
 where c.tenant_id = %s and c.epoch = %s and c.size = %s group by c.note
"""
ADVANCE = """
update ledger_heads set witnessed_size = %s
 where tenant_id = %s and epoch = %s and witnessed_size < %s
"""
ADVANCE_UNCONDITIONALLY = """
update ledger_heads set witnessed_size = size where tenant_id = %s and witnessed_size < size
"""
_COVER_AGAIN_US = 5 * SECOND
"""Rows that were passed over are looked for after this, if the global log does not go on before."""
WITNESSED = f"select epoch, witnessed_size from ledger_heads where tenant_id = '{GLOBAL}'"
# Only if a tenant's oldest checkpoint that is not witnessed yet is covered, any of it is. Rows that
# the signer holds are passed over till a later turn: waiting for it with others in hand could be a
# deadlock.
_OF_TENANT = "c.tenant_id = t.tenant_id and c.epoch = t.epoch and c.size > t.witnessed_size"
COVER = f"""
update ledger_heads h set witnessed_size = n.size
  from (select t.tenant_id,
               case when t.round <= g.witnessed_size then t.size else
                    (select c.size from ledger_checkpoints c
                      where {_OF_TENANT} and c.round <= g.witnessed_size
                      order by c.size desc limit 1) end as size
          from ledger_heads g
          join ledger_heads t on t.epoch = g.epoch and t.tenant_id <> g.tenant_id
         where g.tenant_id = '{GLOBAL}' and t.witnessed_size < t.size
           and (select c.round from ledger_checkpoints c
                 where {_OF_TENANT} order by c.size limit 1) <= g.witnessed_size
           for update of t skip locked) as n
 where h.tenant_id = n.tenant_id and h.witnessed_size < n.size
"""


class StoredCosignatures:
    """Implements `application.ledger.gathering.Cosignatures` and `.witnessing.Heads`."""

    def __init__(
        self, pool: AsyncConnectionPool[AsyncConnection[Any]], policy: Policy, clock: Clock
    ) -> None:
        self._pool = pool
        self._policy = policy
        self._names = [one.name for one in policy.witnesses]
        self._clock = clock
        self._covered: list[tuple[Any, ...]] = []
        self._covered_us = 0

    async def due(self, witnesses: Sequence[str], *, whole: bool, limit: int) -> list[Due]:
        rows = await self._rows(DUE, (list(witnesses), whole, self._clock(), limit))
        return [Due(*row) for row in rows]

    async def newest_size(self, tenant_id: str, epoch: int) -> int | None:
        rows = await self._rows(HEAD, (tenant_id, epoch))
        return int(rows[0][0]) if rows else None

    async def keep(self, due: Due, cosignature: NoteSignature) -> None:
        now_us, line = self._clock(), cosignature.line()
        with store_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(
                    KEEP, (due.tenant_id, due.epoch, due.size, due.witness, line, now_us)
                )
                await connection.execute(
                    SAID, (due.tenant_id, due.witness, due.epoch, due.size, now_us, now_us)
                )

    async def fault(self, due: Due, fault: Fault, reason: str, retry_us: int) -> None:
        await self._execute(
            FAULT,
            (due.tenant_id, due.witness, due.epoch, fault, reason, self._clock(), retry_us),
        )

    async def faults(self, tenant_id: str) -> frozenset[str]:
        rows = await self._rows(FAULTS, (tenant_id, self._names))
        return frozenset(row[0] for row in rows)

    async def advance(self, tenant_id: str) -> None:
        if self._policy.satisfied(frozenset()):
            await self._execute(ADVANCE_UNCONDITIONALLY, (tenant_id,))
        else:
            for epoch, size, names in await self._rows(CANDIDATES, (tenant_id,)):
                if await self._holds(tenant_id, epoch, size, names):
                    await self._execute(ADVANCE, (size, tenant_id, epoch, size))
                    break
        if tenant_id == GLOBAL:
            await self._cover()

    async def _cover(self) -> None:
        """With ten thousand tenants a look at all of their heads is not for every second."""
        witnessed = await self._rows(WITNESSED, ())
        now_us = self._clock()
        if witnessed != self._covered or now_us - self._covered_us >= _COVER_AGAIN_US:
            await self._execute(COVER, ())
            self._covered, self._covered_us = witnessed, now_us

    async def _holds(self, tenant_id: str, epoch: int, size: int, names: Sequence[str]) -> bool:
        """Whether the policy accepts a checkpoint. The names tell only which to look at: stored
        cosignatures may be of keys that the policy names no more, or somebody else's work."""
        if not self._policy.satisfied(frozenset(names)):
            return False
        rows = await self._rows(COSIGNED_NOTE, (tenant_id, epoch, size))
        try:
            held = [cosigners(SignedNote.parse(row[0]), self._policy) for row in rows]
        except (DoesNotHold, Malformed) as fault:
            log.warning("witnesses.stored", tenant=tenant_id, size=size, reason=str(fault))
            return False
        return any(map(self._policy.satisfied, held))

    async def _rows(self, statement: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        with store_errors():
            async with self._pool.connection() as connection:
                return await (await connection.execute(statement, parameters)).fetchall()

    async def _execute(self, statement: str, parameters: Sequence[object]) -> None:
        with store_errors():
            async with self._pool.connection() as connection:
                await connection.execute(statement, parameters)
