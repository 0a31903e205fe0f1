"""Brings a database's schema up to date, with Alembic, as the role that owns it.

`public` and each cell have their own line of revisions and their own version table, so that a cell
can be made, moved or migrated alone. Everything of one schema happens in one transaction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import errors
from sqlalchemy import Connection, NullPool, create_engine

from domain.errors import OrderHistoryError
from infrastructure.postgres import tables

DEFAULT_CELLS = ("cell_0",)

_SCRIPTS = Path(__file__).parent / "migrations"
_CELL_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)


class MigrationRefused(OrderHistoryError):
    """The database's schema could not be brought up to date."""


def upgrade(url: str, cells: Sequence[str] = DEFAULT_CELLS) -> None:
    """Create or upgrade `public` and the given cells. Changes nothing when they are up to date.

    `url` is a libpq URL of a role that owns the database (and may create roles the first time).
    Any number of programs may do it at once: one does the work, the others wait for it.
    Raises MigrationRefused when rights are missing or a cell's name is not an identifier.
    """
    schemas = _schemas(cells)
    try:
        with _connect(url) as connection:
            for schema in schemas:
                _upgrade_schema(connection, schema)
    except Exception as error:
        cause = getattr(error, "orig", error)
        if not isinstance(cause, errors.InsufficientPrivilege):
            raise
        raise MigrationRefused(
            f"the database refused to be migrated: {cause.diag.message_primary}; migrate as the "
            f"database's owner, and let an administrator run `create role {tables.APP_ROLE} "
            "nologin` and grant it to that owner if the owner may not create roles"
        ) from error


def current(url: str, cells: Sequence[str] = DEFAULT_CELLS) -> bool:
    """Whether `public` and the given cells are exactly what this version of the program expects."""
    schemas = _schemas(cells)
    with _connect(url) as connection:
        return all(_is_current(connection, schema) for schema in schemas)


def _schemas(cells: Sequence[str]) -> list[str]:
    for cell in cells:
        if _CELL_NAME.fullmatch(cell) is None or cell == "public" or cell.startswith("pg_"):
            raise MigrationRefused(f"{cell[:50]!r} is not a name for a cell, such as cell_0")
    return ["public", *cells]


def _connect(url: str) -> Connection:
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool
    )
    return engine.connect()


def _upgrade_schema(connection: Connection, schema: str) -> None:
    with connection.begin():
        connection.exec_driver_sql(
            "select pg_advisory_xact_lock(hashtextextended('order-history migrate', 0))"
        )
        connection.exec_driver_sql(f'create schema if not exists "{schema}"')
        connection.exec_driver_sql(f'set local search_path to "{schema}"')
        config = _config(schema)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _is_current(connection: Connection, schema: str) -> bool:
    with connection.begin():
        context = MigrationContext.configure(connection, opts={"version_table_schema": schema})
        there = context.get_current_heads()
    return set(there) == set(ScriptDirectory.from_config(_config(schema)).get_heads())


def _config(schema: str) -> Config:
    line, metadata = ("public", tables.PUBLIC) if schema == "public" else ("cell", tables.CELL)
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(_SCRIPTS / line).replace("%", "%%"))
    config.attributes["schema"] = schema
    config.attributes["metadata"] = metadata
    return config
