"""Which tenants have a stream of the service's own acts, and have not left: nothing is recorded of
those any more, so there is nothing to be done for them."""

from __future__ import annotations

from collections.abc import Sequence

from domain.audit.acts import act_id
from domain.tenancy.closing import STREAM as CLOSING
from infrastructure.postgres.connect import Pool, store_errors

HAVING = """
select t.tenant_id from public.tenants t
 where exists (select from events e where e.tenant_id = t.tenant_id and e.event_id = %s)
   and not exists (select from events e where e.tenant_id = t.tenant_id and e.event_id = %s)
 order by t.tenant_id
"""


class TenantsHaving:
    """Implements `application.ports.Tenants`, by the first event of the stream."""

    def __init__(self, pool: Pool, stream: str) -> None:
        self._pool = pool
        self._first, self._closed = act_id(stream, 1), act_id(CLOSING, 1)

    async def __call__(self) -> Sequence[str]:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(HAVING, (self._first, self._closed))
                return [tenant_id for (tenant_id,) in await cursor.fetchall()]
