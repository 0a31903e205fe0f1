"""A digest of a table's content, to hold a read model against a rebuild of it."""

from __future__ import annotations

from psycopg.sql import SQL, Identifier

from projections.reading import Connection

# Keys make rows differ, so that their hashes may be added in any order: equal sums, equal sets.
_DIGEST = """
select count(*), coalesce(sum(hashtextextended(r::text, 1)), 0),
       coalesce(sum(hashtextextended(r::text, 2)), 0)
  from {} as r
"""


async def digest(connection: Connection, table: str) -> str:
    """Equal for tables with the same columns and the same rows, wherever they lie."""
    cursor = await connection.execute(SQL(_DIGEST).format(Identifier(table)))
    row = await cursor.fetchone()
    return "/".join(str(value) for value in row or ())
