"""What the redactions read model answers: where a tenant's sources have sent card numbers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from msgspec import Struct

from infrastructure.postgres.connect import Pool, store_errors
from projections.orders.filters import given, where

Key = tuple[str, str, str]
"""(source, type, pointer)."""

_CONDITIONS: Mapping[str, str] = {
    "source": "source = %(source)s",
    "from_us": "last_us >= %(from_us)s",
    "to_us": "first_us < %(to_us)s",
    "after_source": "(source, type, pointer) > (%(after_source)s, %(after_type)s, %(after_place)s)",
}


class Redactions(Struct, frozen=True):
    """What came at one place of a source's events of a type. Times are received_at."""

    source: str
    type: str
    pointer: str
    events: int
    first_us: int
    last_us: int
    last_event_id: str


class RedactionQueries:
    """Reads through a pool whose connections have the cell on their search path."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(
        self,
        tenant: str,
        *,
        source: str | None = None,
        from_us: int | None = None,
        to_us: int | None = None,
        after: Key | None = None,
        limit: int = 50,
    ) -> list[Redactions]:
        """By source, type and pointer, behind `after`: of one source, where something came at
        `from_us` or later, and something before `to_us`. Raises Unavailable."""
        values = given({"source": source, "from_us": from_us, "to_us": to_us})
        if after is not None:
            values |= dict(zip(("after_source", "after_type", "after_place"), after, strict=True))
        text = page_sql(frozenset(values).intersection(_CONDITIONS))
        parameters = {**values, "tenant": tenant, "limit": limit}
        with store_errors():
            async with self._pool.connection() as connection:
                rows = await (await connection.execute(text, parameters)).fetchall()
        return [Redactions(*row) for row in rows]


@cache
def page_sql(names: frozenset[str]) -> str:
    """A walk along the key; the ids of the last events are looked up for the page alone."""
    return f"""
select source, type, pointer, r.events, first_us, last_us,
       (select e.event_id from events e
         where e.tenant_id = %(tenant)s and e.sequence = r.last_sequence)
  from redactions r
 {where([_CONDITIONS[name] for name in sorted(names)])}
 order by source, type, pointer limit %(limit)s"""
