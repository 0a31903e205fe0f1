"""Which deletions of personal values were made in this database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from application.ports import Statement
from infrastructure.erasure.rewrapping import BARRIER
from infrastructure.postgres.connect import Pool, store_errors

NOTE = """
insert into erasures (tenant_id, entry_id, told) values (%s, %s, %s::boolean)
    on conflict do nothing
"""
TELL = "update erasures set told = true where tenant_id = %s and entry_id = %s"
KNOWN = "select entry_id, told from erasures where tenant_id = %s"


class StoredErasures:
    """Implements `application.erasure.ports.Erasures`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def noting(self, tenant_id: str, entry_id: str, *, told: bool) -> Statement:
        return NOTE, (tenant_id, entry_id, str(told).lower())

    def telling(self, tenant_id: str, entry_id: str) -> Statement:
        return TELL, (tenant_id, entry_id)

    async def known(self, tenant_id: str) -> Mapping[str, bool]:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(KNOWN, (tenant_id,))
                return dict(await cursor.fetchall())

    async def execute(self, statements: Sequence[Statement]) -> None:
        with store_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(BARRIER)
                for text, parameters in statements:
                    await connection.execute(text.encode(), parameters)
