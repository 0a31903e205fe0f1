"""Which tenants have a stream of the service's own acts."""

from __future__ import annotations

from collections.abc import Sequence

from domain.audit.acts import act_id
from infrastructure.postgres.connect import Pool, store_errors

HAVING = """
select t.tenant_id from public.tenants t
 where exists (select from events e where e.tenant_id = t.tenant_id and e.event_id = %s)
 order by t.tenant_id
"""


class TenantsHaving:
    """Implements `application.ports.Tenants`, by the first event of the stream."""

    def __init__(self, pool: Pool, stream: str) -> None:
        self._pool = pool
        self._first = act_id(stream, 1)

    async def __call__(self) -> Sequence[str]:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(HAVING, (self._first,))
                return [tenant_id for (tenant_id,) in await cursor.fetchall()]
