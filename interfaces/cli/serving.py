"""`serve`, `api`, `worker`, `migrate`: the long-running processes and what they stand on."""

from __future__ import annotations

import asyncio
import http.client
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import click
import rich_click

from interfaces.cli.options import database_options, installation, say, settings_of
from interfaces.cli.supervisor import USAGE, Child, Supervisor, watch_parent
from interfaces.composition.database import embedded, migrate_database, prepare_database
from interfaces.composition.installations import require_keys
from interfaces.composition.serving import api as compose_api
from interfaces.composition.serving import check_issuers
from interfaces.composition.tracing import require_tracing
from interfaces.composition.witnessing import check_witnessing
from interfaces.composition.working import run_worker
from interfaces.http.server import CannotListen, listen
from interfaces.http.server import run as run_server
from interfaces.logs import configure_logs

_GRACE = 15.0
"""Seconds for the children to stop in, when whoever started this is gone."""

_HOST = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
_PORT = click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port."
)


@click.command(cls=rich_click.RichCommand)
@database_options
@_HOST
@_PORT
def serve(data_dir: Path, database_url: str | None, host: str, port: int) -> int:
    """Run an API and a worker as two supervised processes.

    Without --database-url it brings its own PostgreSQL, in --data-dir. Ctrl-C stops everything.
    """
    watch_parent(grace=_GRACE)
    port = _port_to_be_had(host, port)
    if database_url:
        prepare_database(database_url, own=False, say=say)
        return _supervise(data_dir, database_url, host, port, None)
    with embedded(data_dir) as server:
        prepare_database(server.url(), own=True, say=say)
        return _supervise(data_dir, server.url(), host, port, server.ensure_running)


def _port_to_be_had(host: str, port: int) -> int:
    """The port, or a free one for 0. Looked at before anything is started."""
    try:
        with listen(host, port) as listener:
            return int(listener.getsockname()[1])
    except CannotListen as error:
        raise click.UsageError(str(error)) from error


def _supervise(
    data_dir: Path, url: str, host: str, port: int, on_tick: Callable[[], None] | None
) -> int:
    # Here as well as in the children: one that refuses would be started again and again.
    settings = settings_of(data_dir, url)
    check_issuers(settings)
    check_witnessing(settings)
    require_tracing(settings)
    asyncio.run(require_keys(settings))
    env = {"ORDER_HISTORY_DATABASE_URL": url, "ORDER_HISTORY_DATA_DIR": str(data_dir)}
    program = [sys.executable, "-m", "interfaces.cli.main"]
    api_argv = [*program, "api", "--host", host, "--port", str(port)]
    children = [Child("api", api_argv, env), Child("worker", [*program, "worker"], env)]
    shown = f"[{host}]" if ":" in host else host
    return Supervisor(
        children,
        on_tick=on_tick,
        ready=lambda: _answers(host, port),
        on_ready=lambda: say(f"API at http://{shown}:{port}/docs; data in {data_dir}"),
    ).run()


def _answers(host: str, port: int) -> bool:
    with (
        suppress(OSError, http.client.HTTPException),
        closing(http.client.HTTPConnection(host, port, timeout=1)) as connection,
    ):
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    return False


@click.command(cls=rich_click.RichCommand)
@database_options
@_HOST
@_PORT
def api(data_dir: Path, database_url: str | None, host: str, port: int) -> int:
    """Run one API process alone, for larger installations."""
    configure_logs()
    watch_parent()
    with installation(data_dir, database_url, make=True) as settings:
        code = run_server(lambda: compose_api(settings), host, port)
    return USAGE if code else 0


@click.command(cls=rich_click.RichCommand)
@database_options
def worker(data_dir: Path, database_url: str | None) -> int:
    """Run one worker alone: read models, jobs, snapshots, schedules."""
    configure_logs()
    watch_parent()
    with installation(data_dir, database_url, make=True) as settings:
        run_worker(settings)
    return 0


@click.command(cls=rich_click.RichCommand)
@database_options
def migrate(data_dir: Path, database_url: str | None) -> None:
    """Bring the database's schema up to date. Give the URL of the database's owner."""
    if database_url:
        migrate_database(database_url, say)
    else:
        with embedded(data_dir) as server:
            migrate_database(server.url(), say)
    say("the database is up to date")


COMMANDS = (serve, api, worker, migrate)
