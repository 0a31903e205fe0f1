"""What policies came to last: the newest events of their streams, all in one trip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from application.retention.ports import Lasts
from domain.audit.acts import fact_of
from domain.privacy.sealing import history_originator
from domain.retention.evaluations import Evaluated, evaluated, stream_of
from infrastructure.postgres.arrays import UuidColumn
from infrastructure.postgres.connect import Pool, store_errors

NEWEST = """
select newest.*
  from unnest(%s::uuid[]) as stream(id)
 cross join lateral (
       select originator_id, originator_version, sequence, received_us, state from events
        where tenant_id = %s and originator_id = stream.id
        order by originator_version desc limit 1) as newest
"""


class StoredEvaluations:
    """Implements `application.retention.ports.LastEvaluations`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, tenant_id: str, policy_ids: Sequence[str]) -> Mapping[str, Lasts]:
        streams = {
            history_originator(tenant_id, stream_of(policy_id, dry_run=dry_run)): (
                policy_id,
                dry_run,
            )
            for policy_id in policy_ids
            for dry_run in (True, False)
        }
        wanted = UuidColumn([stream.bytes for stream in streams])
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(NEWEST, (wanted, tenant_id), binary=True)
                rows = await cursor.fetchall()
        found: dict[tuple[str, bool], Evaluated | None] = {
            streams[originator]: evaluated(fact_of(*rest)) for originator, *rest in rows
        }
        return {
            policy_id: Lasts(found.get((policy_id, True)), found.get((policy_id, False)))
            for policy_id in dict.fromkeys(one for one, _ in found)
        }
