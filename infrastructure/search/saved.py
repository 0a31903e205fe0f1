"""The rows of saved searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection, errors
from psycopg_pool import AsyncConnectionPool

from domain.errors import Conflict, Invalid
from domain.search.saved import MOST_SAVED, Draft, SavedSearch
from infrastructure.postgres.connect import store_errors

_COLUMNS = (
    "tenant_id, search_id, name, description, search, last, version, created_by, created_us,"
    " changed_by, changed_us"
)
# Who saves at the same time in a tenant waits, so that none of them goes beyond the bound.
IN_TURN = "select pg_advisory_xact_lock(hashtextextended('saved searches of ' || %s, 0))"
COUNT = "select count(*) from saved_searches where tenant_id = %s"
INSERT = f"""
insert into saved_searches ({_COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
GET = f"select {_COLUMNS} from saved_searches where tenant_id = %s and search_id = %s"
LISTED = f"""
select {_COLUMNS.replace(" search,", " ''::bytea,")} from saved_searches
 where tenant_id = %s order by name limit %s offset %s
"""
# A null matches every version.
_ONLY = "tenant_id = %s and search_id = %s and (%s::bigint is null or version = %s)"
REPLACE = f"""
update saved_searches
   set name = %s, description = %s, search = %s, last = %s, version = version + 1,
       changed_by = %s, changed_us = %s
 where {_ONLY} returning {_COLUMNS}
"""
DELETE = f"delete from saved_searches where {_ONLY}"


class PostgresSavedSearches:
    """Implements `application.search.saving.SavedSearchStore` on a pool of one cell."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self._pool = pool

    async def add(self, saved: SavedSearch) -> None:
        draft = saved.draft
        values = (
            *(saved.tenant_id, saved.search_id),
            *(draft.name, draft.description, draft.search, draft.last, saved.version),
            *(saved.created_by, saved.created_us, saved.changed_by, saved.changed_us),
        )
        with store_errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(IN_TURN, (saved.tenant_id,))
                counted = await (await connection.execute(COUNT, (saved.tenant_id,))).fetchone()
                assert counted is not None, "a count is a row"
                if counted[0] >= MOST_SAVED:
                    raise _full()
                try:
                    await connection.execute(INSERT, values)
                except errors.UniqueViolation:
                    raise _taken(draft.name) from None

    async def get(self, tenant_id: str, search_id: str) -> SavedSearch | None:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(GET, (tenant_id, search_id))
                row = await cursor.fetchone()
        return row and _saved(row)

    async def listed(
        self, tenant_id: str, offset: int, limit: int
    ) -> tuple[Sequence[SavedSearch], int]:
        with store_errors():
            async with self._pool.connection() as connection:
                counted = await (await connection.execute(COUNT, (tenant_id,))).fetchone()
                cursor = await connection.execute(LISTED, (tenant_id, limit, offset))
                rows = await cursor.fetchall()
        return [_saved(row) for row in rows], counted[0] if counted else 0

    async def replace(self, saved: SavedSearch, *, only: int | None) -> SavedSearch | None:
        draft = saved.draft
        new = (draft.name, draft.description, draft.search, draft.last)
        changed = (saved.changed_by, saved.changed_us)
        which = (saved.tenant_id, saved.search_id, only, only)
        with store_errors():
            async with self._pool.connection() as connection:
                try:
                    cursor = await connection.execute(REPLACE, (*new, *changed, *which))
                except errors.UniqueViolation:
                    raise _taken(draft.name) from None
                row = await cursor.fetchone()
        return row and _saved(row)

    async def delete(self, tenant_id: str, search_id: str, *, only: int | None) -> bool:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(DELETE, (tenant_id, search_id, only, only))
                return cursor.rowcount > 0


def _full() -> Invalid:
    detail = (
        f"there are {MOST_SAVED:,} saved searches, which is the most: delete one that nobody needs"
    )
    return Invalid.field("", detail)


def _taken(name: str) -> Conflict:
    return Conflict(f"there is a saved search with the name {name!r}; choose another, or change it")


def _saved(row: Sequence[Any]) -> SavedSearch:
    tenant_id, search_id, name, description, search, last, *rest = row
    return SavedSearch(tenant_id, search_id, Draft(name, description, search, last), *rest)
