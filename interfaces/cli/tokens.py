"""`token`: a JWT of the local issuer."""

from __future__ import annotations

import re
from pathlib import Path

import click
import rich_click

from domain.access.permissions import BUILT_IN
from interfaces.cli.options import data_dir_option, tenant_option
from interfaces.composition.installations import require_installation
from interfaces.composition.serving import issuer

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(_context: click.Context, _option: click.Parameter, value: str) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", value)
    if match is None:
        raise click.BadParameter("must be a number with s, m, h or d, such as 8h")
    return int(match[1]) * _UNITS[match[2]]


@click.command(cls=rich_click.RichCommand)
@tenant_option()
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice(sorted(BUILT_IN)),
    help="A role; may be given several times.",
)
@click.option("--subject", default="local", show_default=True, help="Who it is for.")
@click.option(
    "--ttl", callback=_seconds, default="8h", show_default=True, help="How long it holds."
)
@data_dir_option
def token(tenant: str, roles: tuple[str, ...], subject: str, ttl: int, data_dir: Path) -> None:
    """Print a token for one tenant, and nothing else. Works while `serve` runs."""
    require_installation(data_dir)
    click.echo(issuer(data_dir).mint(subject, [tenant], list(roles), ttl))


COMMANDS = (token,)
