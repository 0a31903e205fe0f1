"""`bench`: how fast this machine and this disk are, in the service's own terms."""

from __future__ import annotations

from pathlib import Path

import click
import rich_click
from rich.console import Console

from interfaces.cli.options import data_dir_option
from interfaces.measuring import measure


@click.command(cls=rich_click.RichCommand)
@data_dir_option
@click.option(
    "--events",
    default=20_000,
    show_default=True,
    type=click.IntRange(1_000, 10_000_000),
    help="How many to import.",
)
def bench(data_dir: Path, events: int) -> None:
    """Measure this machine and the disk of the data directory.

    In a scratch database below --data-dir, gone afterwards; the ledger there is not touched.
    """
    with Console(stderr=True).status("starting") as status:
        figures = measure(data_dir, events, status.update)
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        click.echo(f"{figure.name:<{width}}  {figure.value}")


COMMANDS = (bench,)
