"""The `ledger` commands."""

from __future__ import annotations

import click
import rich_click

from interfaces.cli import exporting, signing


@click.group(cls=rich_click.RichGroup)
def ledger() -> None:
    """What is signed over the ledger, and what an outsider needs of it."""


for command in (*signing.COMMANDS, *exporting.COMMANDS):
    ledger.add_command(command)

COMMANDS = (ledger,)
