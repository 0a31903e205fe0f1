"""Runs the statements of searches: each within its time, and on an index of the process's secret.

No plan is kept for a statement: which is best depends on the values, some being rare and some
common.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from msgspec import structs
from psycopg import AsyncConnection

from application.search.ports import NEWEST_FIRST, SECONDS, Hit, Key, Order, Plan
from domain.errors import TooCostly
from infrastructure.postgres.connect import Pool, store_errors
from projections.search import statements as sql
from projections.search.conditions import Condition
from projections.search.key import FINGERPRINT, refuse_other

Rows = list[tuple[Any, ...]]

_LIMITS = f"set local statement_timeout = {round(SECONDS * 1000)}"

_BY_INDEX = "set local enable_seqscan = off"
"""Of a tenant with a large share the planner would rather read a table from end to end, in a time
that grows with what all other tenants have."""


class Running:
    """On a pool whose connections have the cell on their search path. fingerprint: of the secret
    that questions are asked with."""

    def __init__(self, pool: Pool, fingerprint: bytes) -> None:
        self._pool = pool
        self._fingerprint = fingerprint

    async def rows(
        self, text: str, tenant_id: str, values: Mapping[str, object], *, settings: str = ""
    ) -> Rows:
        """Run a statement of this tenant, under settings. Raises TooCostly after `SECONDS`,
        IndexKeyDiffers where the index is made with another secret."""
        async with self._limited(settings) as connection:
            parameters = {**values, "tenant": tenant_id}
            cursor = await connection.execute(text.encode(), parameters, binary=True, prepare=False)
            return await cursor.fetchall()

    async def hits(
        self,
        plan: Plan,
        text: str,
        after: Sequence[object] | None,
        limit: int,
        *,
        settings: str = "",
        **more: object,
    ) -> list[Hit]:
        """The rows of a statement, as hits."""
        values = values_of(plan, after, limit, more)
        return [
            Hit(*row) for row in await self.rows(text, plan.tenant_id, values, settings=settings)
        ]

    async def ranked(
        self, plan: Plan, after: Key | None, limit: int, *, collected: str, ranked: str
    ) -> list[Hit]:
        """The next by relevance: of all that there are where these are few (`collected`), else of
        the newest (`ranked`)."""
        bound = await self._bound(plan, after)
        behind, found = after and after[1:], None
        if len(await self.peeked(plan, NEWEST_FIRST, None, limit, sql.PEEKED)) < limit:
            found = await self.collected(plan, collected, behind, limit, bound=bound)
        if found is None:
            found = await self.hits(plan, ranked, behind, limit, bound=bound)
        return [structs.replace(hit, bound=bound) for hit in found]

    async def _bound(self, plan: Plan, after: Key | None) -> object:
        """The highest sequence that counts for a walk by relevance: that of its beginning."""
        if after is not None:
            return after[0]
        ((bound,),) = await self.rows(sql.NEWEST, plan.tenant_id, {})
        return bound

    async def peeked(
        self, plan: Plan, order: Order, after: Key | None, limit: int, among: int
    ) -> list[Hit]:
        """As many as the limit where there are many; else they say nothing."""
        asked: Condition = plan.condition
        if not asked.termed or asked.wide or limit > among // 2:
            return []
        text = sql.peek(asked, order, among, after=after is not None)
        return await self.hits(plan, text, after, limit)

    async def collected(
        self,
        plan: Plan,
        text: str,
        after: Sequence[object] | None,
        limit: int,
        *,
        untermed: bool = False,
        **more: object,
    ) -> list[Hit] | None:
        """None where there are more than can be collected; and where no terms are asked for, unless
        `untermed`."""
        asked: Condition = plan.condition
        if asked.common or not (asked.termed or untermed):
            return None
        values = values_of(plan, after, limit, more)
        settings = sql.BY_BITMAP if asked.termed else ""
        rows = await self.rows(text, plan.tenant_id, values, settings=settings)
        asked.common = rows[0][-1] > sql.COLLECTED
        return None if asked.common else [Hit(*row[:-1]) for row in rows if row[0] is not None]

    @asynccontextmanager
    async def _limited(self, settings: str) -> AsyncIterator[AsyncConnection[Any]]:
        """A transaction. What is found with another secret than the index is made with would be
        nothing, and nobody would be told; so its fingerprint is read first, in the same round trip,
        and its table being locked by that, no rebuild takes the index's place until the end."""
        with store_errors(), in_time():
            async with self._pool.connection() as connection, connection.transaction():
                begun = f"{_LIMITS}; {_BY_INDEX}; {settings}; {FINGERPRINT}"
                cursor = await connection.execute(begun.encode())
                while cursor.nextset():
                    pass  # the last answer is the fingerprint
                refuse_other(await cursor.fetchall(), self._fingerprint)
                yield connection


def values_of(
    plan: Plan, after: Sequence[object] | None, limit: int, more: Mapping[str, object]
) -> dict[str, object]:
    """What the statement of a page binds, beside the tenant."""
    keys = {f"after_{at}": value for at, value in enumerate(after or ())}
    return {**plan.condition.parameters, **keys, **more, "limit": limit}


@contextmanager
def in_time() -> Iterator[None]:
    """Around statements with a time-out: raises TooCostly when one ran into it."""
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise TooCostly from error
