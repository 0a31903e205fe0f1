"""`ledger export`: what a stranger needs to verify a ledger without this program."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import rich_click

from interfaces.cli.options import database_options, installation, tenant_option
from interfaces.cli.progress import progress_bar
from interfaces.composition.exporting import export_ledger


@click.command(cls=rich_click.RichCommand)
@click.argument("directory", type=click.Path(path_type=Path))
@tenant_option()
@click.option(
    "--events/--no-events",
    default=False,
    show_default=True,
    help="With the hashed bytes of every event; without them a bundle tells digests alone.",
)
@database_options
def export(
    directory: Path, tenant: str, data_dir: Path, database_url: str | None, *, events: bool
) -> None:
    """Write a tenant's ledger to DIRECTORY, which must be new or empty.

    As of the newest checkpoint (that the witnesses have cosigned, where there is a policy): the
    signed note, all tiles and entries as C2SP tlog-tiles lays them out, and with --events an
    events.ndjson. Any web server can serve it. Works while everything runs.
    """
    with installation(data_dir, database_url) as settings, progress_bar("events") as progress:
        done = asyncio.run(export_ledger(settings, tenant, directory, progress, events=events))
    click.echo(f"{directory}: {done.events} events of {tenant} in {done.files} files")


COMMANDS = (export,)
"""Of the group `ledger`."""
