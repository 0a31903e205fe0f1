"""How our logs stand with the witnesses of the policy: for status and health, in any process."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.ledger.ports import GLOBAL
from application.ledger.witnessing import WitnessState
from application.ports import Clock
from domain.ledger.policy import Policy
from domain.times import SECOND
from infrastructure.postgres.connect import store_errors

_QUORUM_US = 60 * SECOND
"""A checkpoint of the global log that has no quorum for so long is told of in health."""
_LATELY = 1000

# A global round that a witness has cosigned covers the checkpoints signed up to it; of those that
# are newer, only so many are passed over in search of one that is covered.
STATES = f"""
select w.name, h.size,
       case when s.epoch = h.epoch then s.size else 0 end,
       case when g.epoch <> h.epoch then 0 when g.size >= h.round then h.size else
            (select c.size
               from (select size, round from ledger_checkpoints
                      where tenant_id = h.tenant_id and epoch = h.epoch
                      order by size desc limit {_LATELY}) as c
              where c.round <= g.size order by c.size desc limit 1) end,
       greatest(s.cosigned_us, g.cosigned_us),
       s.fault, s.reason, g.fault, g.reason
  from ledger_heads h
 cross join unnest(%s::text[]) with ordinality as w(name, place)
  left join ledger_witnesses s on s.tenant_id = h.tenant_id and s.witness = w.name
  left join ledger_witnesses g on g.tenant_id = '{GLOBAL}' and g.witness = w.name
 where h.tenant_id = %s order by w.place
"""
# That a witness knows the global log alone is no fault of it: it covers the tenants.
TROUBLES = f"""
select witness, fault, count(*) from ledger_witnesses
 where witness = any(%s) and fault is not null
   and (tenant_id = '{GLOBAL}' or fault <> 'unknown_log')
 group by witness, fault order by witness, fault
"""
WAITING_SINCE = f"""
select c.signed_us
  from ledger_heads h
  join ledger_checkpoints c
    on c.tenant_id = h.tenant_id and c.epoch = h.epoch and c.size > h.witnessed_size
 where h.tenant_id = '{GLOBAL}' order by c.size limit 1
"""


class Witnessed:
    """policy: None where there is none, and nothing to tell. clock: microseconds since 1970."""

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        policy: Policy | None,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._policy = policy
        self._names = [] if policy is None else [one.name for one in policy.witnesses]
        self._clock = clock

    async def witness_states(self, tenant_id: str) -> list[WitnessState]:
        """Of a tenant's log, or the GLOBAL one, in the policy's order; empty before the first
        checkpoint. Raises Unavailable."""
        if not self._names:
            return []
        return [_state(*row) for row in await self._rows(STATES, (self._names, tenant_id))]

    async def troubles(self) -> list[str]:
        """What is wrong with any witness, a line each, without tenants. Raises Unavailable."""
        if self._policy is None:
            return []
        found = [
            f"witness {name}: {fault} ({count} {'log' if count == 1 else 'logs'})"
            for name, fault, count in await self._rows(TROUBLES, (self._names,))
        ]
        for (since_us,) in await self._rows(WAITING_SINCE, ()):
            if (waited := self._clock() - since_us) > _QUORUM_US:
                found.append(f"no quorum of witnesses for {waited // SECOND} s")
        return found

    async def _rows(self, statement: str, parameters: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with store_errors():
            async with self._pool.connection() as connection:
                return await (await connection.execute(statement, parameters)).fetchall()


def _state(
    name: str,
    newest: int,
    own: int,
    covered: int | None,
    cosigned_us: int | None,
    *faults: str | None,
) -> WitnessState:
    fault, reason, global_fault, global_reason = faults
    if fault is None and global_fault == "away":
        fault, reason = global_fault, global_reason
    size = max(own, covered or 0)
    status: Any = fault or ("ok" if size == newest else "behind")
    return WitnessState(name, size, newest - size, cosigned_us, status, reason)
