"""Options that several commands share, and what they amount to: a database, and settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from domain.access.caller import is_tenant_id
from interfaces.composition.database import embedded, prepare_database
from interfaces.composition.installations import require_database
from interfaces.issuers import issuers_from
from interfaces.settings import (
    DEFAULT_DATA_DIR,
    Settings,
    access_from,
    failed_tokens_from,
    ledger_from,
    open_metrics_from,
    open_tenants_from,
    quotas_from,
    reconcile_rate_from,
    traces_from,
)

F = TypeVar("F", bound=Callable[..., Any])


def data_dir_option(function: F) -> F:
    """--data-dir"""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=DEFAULT_DATA_DIR,
        envvar="ORDER_HISTORY_DATA_DIR",
        show_default=True,
        help="Keys, and the embedded database if there is one.",
    )(function)


def database_options(function: F) -> F:
    """--data-dir and --database-url"""
    url = click.option(
        "--database-url",
        envvar="ORDER_HISTORY_DATABASE_URL",
        metavar="URL",
        callback=_check_url,
        help="A PostgreSQL 15 or later, as postgresql://user@host/db. Embedded if left out.",
    )
    return data_dir_option(url(function))


def _check_url(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """The value is not repeated: it may hold a password."""
    if value:
        try:
            conninfo_to_dict(value)
        except ProgrammingError as error:
            raise click.BadParameter(
                "is not a PostgreSQL URL, such as postgresql://user@host/db"
            ) from error
    return value


def tenant_option(*, required: bool = True) -> Callable[[F], F]:
    """--tenant"""
    return click.option(
        "--tenant", required=required, metavar="TENANT", callback=check_tenant, help="The tenant."
    )


def check_tenant(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> str | None:
    """A tenant id as http.md allows it."""
    if value is not None and not is_tenant_id(value):
        raise click.BadParameter("must match [a-z0-9][a-z0-9._-]{0,62}")
    return value


@contextmanager
def installation(
    data_dir: Path, database_url: str | None, *, make: bool = False
) -> Iterator[Settings]:
    """The settings of an installation whose database is up: the given one, or the embedded one,
    started or joined, and with `make` made when missing. A mistyped directory must not become an
    empty installation that a command then finds nothing in.

    Raises OrderHistoryError, in one line, when it is not to be had.
    """
    if database_url:
        prepare_database(database_url, own=False, say=say)
        yield settings_of(data_dir, database_url)
        return
    if not make:
        require_database(data_dir)
    with embedded(data_dir) as server:
        prepare_database(server.url(), own=True, say=say)
        yield settings_of(data_dir, server.url())


def settings_of(data_dir: Path, database_url: str) -> Settings:
    """Settings from options and the environment."""
    try:
        issuers, failed_tokens = issuers_from(os.environ), failed_tokens_from(os.environ)
        ledger, access = ledger_from(os.environ), access_from(os.environ)
        open_metrics, open_tenants = open_metrics_from(os.environ), open_tenants_from(os.environ)
        reconcile_rate, traces = reconcile_rate_from(os.environ), traces_from(os.environ)
        quotas = quotas_from(os.environ)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if ledger.publish_dir is not None and _in_backups(data_dir, ledger.publish_dir):
        raise click.UsageError(
            "ORDER_HISTORY_PUBLISH_DIR lies in the data directory, of which backups hold a copy: "
            "one that is restored would not be found to lie behind; name a place outside"
        )
    return Settings(
        database_url=database_url,
        data_dir=data_dir,
        issuers=issuers,
        failed_tokens=failed_tokens,
        open_tenants=open_tenants,
        open_metrics=open_metrics,
        ledger=ledger,
        access=access,
        reconcile_rate=reconcile_rate,
        traces=traces,
        quotas=quotas,
    )


def _in_backups(data_dir: Path, publish_dir: Path) -> bool:
    """Whether a backup would hold it: all of the data directory but `published`."""
    data, place = data_dir.resolve(), publish_dir.resolve()
    return place.is_relative_to(data) and not place.is_relative_to(data / "published")


def say(line: str) -> None:
    """A line for the person at the terminal, not for the output."""
    click.echo(line, err=True)
