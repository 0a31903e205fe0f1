"""What the audit log answers. Raises Unavailable while the database is away."""

from __future__ import annotations

from functools import cache

from msgspec import Struct

from infrastructure.postgres.connect import Pool, store_errors
from projections.orders.filters import given, type_filter, where

_CONDITIONS = {
    "type": "type = %(type)s",
    "prefix": "starts_with(type, %(prefix)s)",
    "target": "target = %(target)s",
    "actor_id": "actor_id = %(actor_id)s",
    "from_us": "received_us >= %(from_us)s",
    "to_us": "received_us < %(to_us)s",
    "before": "sequence < %(before)s",
}


class ActKey(Struct, frozen=True):
    """Where an act is: enough to fetch its event."""

    position: int
    sequence: int
    target: str


class AuditQueries:
    """Reads through a pool whose connections have the cell on their search path."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def acts(
        self,
        tenant: str,
        *,
        type_pattern: str | None = None,
        target: str | None = None,
        actor_id: str | None = None,
        from_us: int | None = None,
        to_us: int | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[ActKey]:
        """The tenant's acts, the newest first, below the sequence `before`. `from_us` includes,
        `to_us` excludes, both of received_at."""
        values = given(
            {
                "target": target,
                "actor_id": actor_id,
                "from_us": from_us,
                "to_us": to_us,
                "before": before,
            }
        )
        values |= type_filter(type_pattern)
        parameters = {**values, "tenant": tenant, "limit": limit}
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(_acts(frozenset(values)), parameters)
                return [ActKey(*row) for row in await cursor.fetchall()]


@cache
def _acts(filters: frozenset[str]) -> str:
    conditions = where(_CONDITIONS[name] for name in sorted(filters))
    return (
        f"select position, sequence, target from audit_log {conditions}"
        " order by sequence desc limit %(limit)s"
    )
