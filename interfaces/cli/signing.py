"""`ledger key` and `ledger reopen`: the keys that sign, and new origins."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import rich_click

from interfaces.cli.options import (
    data_dir_option,
    database_options,
    installation,
    say,
    settings_of,
    tenant_option,
)
from interfaces.composition.installations import require_installation
from interfaces.composition.proving import change_keys, verifier_keys
from interfaces.composition.reopening import reopen_ledger


@click.command(cls=rich_click.RichCommand)
@tenant_option(required=False)
@click.option("--global", "whole", is_flag=True, help="Of the global log, over all tenants.")
@click.option("--rotate", is_flag=True, help="Make a new key; the old one signs beside it.")
@click.option("--retire", is_flag=True, help="Let the newest key sign alone from now on.")
@data_dir_option
def key(tenant: str | None, *, whole: bool, rotate: bool, retire: bool, data_dir: Path) -> None:
    """Print the verifier keys of a log (C2SP signed-note), one a line, the newest first.

    Each key is two lines: Ed25519, then ML-DSA-44. Give them to whoever is to verify, by a way of
    their own: a key that comes with the data proves nothing.
    """
    if sum((tenant is not None, whole, rotate, retire)) != 1:
        raise click.UsageError("give one of --tenant, --global, --rotate, --retire")
    require_installation(data_dir)
    settings = settings_of(data_dir, "")
    if rotate or retire:
        change_keys(settings, rotate=rotate)
        say("a new key signs beside the old one" if rotate else "the newest key signs alone")
        return
    for line in asyncio.run(verifier_keys(settings, tenant)):
        click.echo(line)


@click.command(cls=rich_click.RichCommand)
@database_options
def reopen(data_dir: Path, database_url: str | None) -> None:
    """Begin new origins for a store that lies behind what was signed of it.

    A restored backup lacks events that were signed and published. Its logs cannot go on under their
    origins, so nothing is recorded until this is done. Each log gets a new origin, and each ledger
    an event that names the newest checkpoint of the old one. Hand out the new verifier keys.
    """
    with installation(data_dir, database_url) as settings:
        done = asyncio.run(reopen_ledger(settings))
    click.echo(f"epoch {done.epoch}: {done.tenants} logs go on under new origins")
    if done.stale:
        say("the read models hold events that are gone: run `order-history rebuild --all`")


COMMANDS = (key, reopen)
