"""`witness`: our own witness, which cosigns the checkpoints of logs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import rich_click
import uvloop

from application.ledger.verifying import read_keys
from domain.ledger.faults import Malformed
from domain.ledger.notes import VerifierKey
from interfaces.cli.options import say
from interfaces.composition.witnesses import witness as opened
from interfaces.composition.witnesses import witness_keys_of
from interfaces.http.server import CannotListen, listen, serve_app
from interfaces.http.witness import witness_app
from interfaces.logs import configure_logs

_STATE = click.option(
    "--state",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The witness's file; its keys lie beside it, in FILE.keys. Never go back to a copy.",
)


def _keys(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> list[VerifierKey]:
    try:
        return [key for one in given for key in read_keys(one)]
    except Malformed as fault:
        raise click.BadParameter(str(fault)) from fault


@click.group(cls=rich_click.RichGroup)
def witness() -> None:
    """A witness (C2SP tlog-witness): cosigns checkpoints, each going on from the one before."""


@witness.command("serve", cls=rich_click.RichCommand)
@_STATE
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="VKEY",
    callback=_keys,
    help="A verifier key of a log, or a file with one a line. May be repeated.",
)
@click.option(
    "--service",
    "services",
    multiple=True,
    metavar="VKEY",
    callback=_keys,
    help="A verifier key of an installation's global log: trusts all of its logs. May be repeated.",
)
@click.option("--name", help="The witness's name, such as witness.example/w1; kept once given.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="Port."
)
def serve(
    state: Path,
    logs: list[VerifierKey],
    services: list[VerifierKey],
    name: str | None,
    host: str,
    port: int,
) -> None:
    """Cosign what the named logs submit, until Ctrl-C."""
    if not logs and not services:
        raise click.UsageError("name at least one log: --log or --service")
    try:
        with opened(state, name, logs, services) as answering, listen(host, port) as listener:
            configure_logs()
            say(f"witness at http://{_shown(host)}:{listener.getsockname()[1]}; state in {state}")
            app = witness_app(answering)
            uvloop.run(serve_app(app, listener, asyncio.Event(), lifespan="off"))
    except (Malformed, CannotListen) as fault:
        raise click.UsageError(str(fault)) from fault


@witness.command("key", cls=rich_click.RichCommand)
@_STATE
@click.option("--name", help="Begin a witness of this name when there is none yet.")
def key(state: Path, name: str | None) -> None:
    """Print the verifier keys, one a line: for the policies of those who rely on it."""
    try:
        keys = witness_keys_of(state, name)
    except Malformed as fault:
        raise click.UsageError(str(fault)) from fault
    for one in keys.verifier_keys:
        click.echo(str(one))


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


COMMANDS = (witness,)
"""Registered in main.py."""
