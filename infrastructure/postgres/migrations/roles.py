"""The application's role. Roles belong to the whole server, not to one database of it."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from infrastructure.postgres.tables import APP_ROLE

# Another database's migration may make it at this moment.
_MAKE = f"""
do $$
begin
  if not exists (select from pg_roles where rolname = '{APP_ROLE}') then
    create role {APP_ROLE} nologin;
  end if;
exception when duplicate_object or unique_violation then
  null;
end $$
"""
_JOIN = f"""
do $$
begin
  if not pg_has_role(current_user, '{APP_ROLE}', 'member') then
    grant {APP_ROLE} to current_user;
  end if;
end $$
"""


def ensure(connection: Connection[Any]) -> None:
    """Make the role when it is missing, and let the current user act as it."""
    connection.execute(_MAKE.encode())
    connection.execute(_JOIN.encode())
