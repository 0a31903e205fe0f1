"""What the sources read model answers: where each of a tenant's sources is."""

from __future__ import annotations

from application.watching.diagnostics import SourceRow
from infrastructure.postgres.connect import Pool, store_errors

# The ranges of a source are read in the order of their key, no more of them than there are gaps to
# tell of: each gap lies behind one.
SOURCES = """
select source, events, last_sequence, last_us, minutes, lowest, highest, numbered,
       coalesce(g.gaps, '[]')
  from sources s
  left join lateral (
       select jsonb_agg(jsonb_build_array(high + 1, following - 1) order by high) as gaps
         from (select r.high, lead(r.low) over (order by r.low) as following
                 from source_ranges r
                where r.tenant_id = s.tenant_id and r.source = s.source
                order by r.low limit %(gaps)s) as first
        where following is not null
       ) as g on s.numbered < s.highest - s.lowest + 1
 where s.tenant_id = %(tenant)s
 order by s.last_us desc, s.source limit %(limit)s
"""


class SourceQueries:
    """Implements `application.watching.diagnostics.Sources`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, tenant_id: str, limit: int, gaps: int) -> list[SourceRow]:
        parameters = {"tenant": tenant_id, "limit": limit, "gaps": gaps}
        with store_errors():
            async with self._pool.connection() as connection:
                rows = await (await connection.execute(SOURCES, parameters)).fetchall()
        return [SourceRow(*(*row[:-1], [(low, high) for low, high in row[-1]])) for row in rows]
