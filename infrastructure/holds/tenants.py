"""Which tenants have ever placed a legal hold."""

from __future__ import annotations

from collections.abc import Sequence

from domain.audit.acts import act_id
from domain.holds.holds import STREAM
from infrastructure.postgres.connect import Pool, store_errors

HOLDING = """
select t.tenant_id from public.tenants t
 where exists (select from events e where e.tenant_id = t.tenant_id and e.event_id = %s)
 order by t.tenant_id
"""


class StoredHoldingTenants:
    """Implements `application.holds.ending.HoldingTenants`, by the first event of the stream."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def tenants(self) -> Sequence[str]:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(HOLDING, (act_id(STREAM, 1),))
                return [tenant_id for (tenant_id,) in await cursor.fetchall()]
