"""The installation: the application's role, the tenants, procrastinate's queue."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from alembic import op
from procrastinate.schema import SchemaManager
from psycopg import Connection as DriverConnection
from sqlalchemy import Connection

from infrastructure.postgres import rights, tables
from infrastructure.postgres.migrations import roles

revision = "public_0001"
down_revision = None
branch_labels = None
depends_on = None

_QUEUE = "procrastinate"


def upgrade(schema: str) -> None:
    connection = op.get_bind()
    roles.ensure(_driver(connection))
    tables.PUBLIC.create_all(connection, checkfirst=False)
    op.execute(f"grant usage on schema {schema} to {tables.APP_ROLE}")
    for table in tables.PUBLIC.sorted_tables:
        op.execute(rights.grant(table, schema))
    _install_queue()


def _install_queue() -> None:
    """procrastinate's objects, in a schema of their own: its names carry no schema."""
    connection = op.get_bind()
    op.execute(f"create schema {_QUEUE}")
    op.execute(f"comment on schema {_QUEUE} is 'procrastinate {version('procrastinate')}'")
    op.execute(f"set local search_path to {_QUEUE}")
    _driver(connection).execute(SchemaManager.get_schema())  # it holds percent signs
    op.execute("set local search_path to public")
    for objects, privileges in (
        ("schema", "usage"),
        ("all tables in schema", "select, insert, update, delete"),
        ("all sequences in schema", "usage, select"),
        ("all functions in schema", "execute"),
    ):
        op.execute(f"grant {privileges} on {objects} {_QUEUE} to {tables.APP_ROLE}")


def _driver(connection: Connection) -> DriverConnection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, DriverConnection)
    return driver
