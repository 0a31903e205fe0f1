"""What the serving processes' role may do with each table, said once.

Revisions that add a table grant with it; a test holds the database against it.
"""

from __future__ import annotations

from psycopg import sql
from sqlalchemy import Table

from infrastructure.postgres import (
    access_tables,
    ledger_tables,
    tables,
    watch_tables,  # noqa: F401  # CELL has its tables from here on
)

APPEND_ONLY = (tables.events, *ledger_tables.APPEND_ONLY, *access_tables.APPEND_ONLY)
"""Tables that no role may update, delete from or truncate: triggers refuse it, rights lack it."""

_READ_AND_ADD = ("SELECT", "INSERT")
_READ_AND_LOCK = ("SELECT", "UPDATE")
_ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")


def rights_on(table: Table) -> tuple[str, ...]:
    """The privileges of the application's role on a table of tables.py."""
    if table in APPEND_ONLY or table is tables.tenants:
        return _READ_AND_ADD
    if table is tables.append_lock:
        return _READ_AND_LOCK  # SELECT ... FOR UPDATE asks for UPDATE; a trigger refuses one
    return _ALL


def grant(table: Table, schema: str) -> str:
    """The GRANT statement for the application's role on the table as it stands in `schema`."""
    statement = sql.SQL("GRANT {rights} ON {table} TO {role}").format(
        rights=sql.SQL(", ".join(rights_on(table))),
        table=sql.Identifier(schema, table.name),
        role=sql.Identifier(tables.APP_ROLE),
    )
    return statement.as_string()
