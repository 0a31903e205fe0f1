"""The installation: the application's role, the tenants, procrastinate's queue."""

from __future__ import annotations

from importlib.metadata import version

from alembic import op
from procrastinate.schema import SchemaManager

from infrastructure.postgres import rights, tables

revision = "public_0001"
down_revision = None
branch_labels = None
depends_on = None

_QUEUE = "procrastinate"

# Roles belong to the whole server: another database's migration may make it at this moment.
_MAKE_ROLE = f"""
do $$
begin
  if not exists (select from pg_roles where rolname = '{tables.APP_ROLE}') then
    create role {tables.APP_ROLE} nologin;
  end if;
exception when duplicate_object or unique_violation then
  null;
end $$
"""
_JOIN_ROLE = f"""
do $$
begin
  if not pg_has_role(current_user, '{tables.APP_ROLE}', 'member') then
    grant {tables.APP_ROLE} to current_user;
  end if;
end $$
"""


def upgrade(schema: str) -> None:
    connection = op.get_bind()
    connection.exec_driver_sql(_MAKE_ROLE)
    connection.exec_driver_sql(_JOIN_ROLE)
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
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(SchemaManager.get_schema())  # past SQLAlchemy, for the percent signs in it
    op.execute("set local search_path to public")
    for objects, privileges in (
        ("schema", "usage"),
        ("all tables in schema", "select, insert, update, delete"),
        ("all sequences in schema", "usage, select"),
        ("all functions in schema", "execute"),
    ):
        op.execute(f"grant {privileges} on {objects} {_QUEUE} to {tables.APP_ROLE}")
