"""`tenant add` and `tenant off-board`: tenants coming, where that is asked for, and leaving."""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path

import click
import rich_click

from domain.audit.acts import Doer
from domain.privacy.classify import holds_email
from interfaces.cli.options import check_tenant, database_options, installation, say
from interfaces.cli.progress import progress_bar
from interfaces.composition.maintenance import register_tenant
from interfaces.composition.tenancy import off_board

_MOST_NAMED = 255


@click.group(cls=rich_click.RichGroup)
def tenant() -> None:
    """Tenants. They need no registration unless ORDER_HISTORY_OPEN_TENANTS=no."""


@tenant.command(cls=rich_click.RichCommand)
@click.argument("tenant_id", callback=check_tenant, metavar="TENANT")
@database_options
def add(tenant_id: str, data_dir: Path, database_url: str | None) -> None:
    """Register TENANT, so that its events are accepted. Does nothing when it is registered.

    The id of a tenant that has left is not used again.
    """
    with installation(data_dir, database_url) as settings:
        register_tenant(settings, tenant_id)
    click.echo(f"tenant {tenant_id} is registered")


def _operator(_context: click.Context, _option: click.Parameter, value: str | None) -> str:
    name = value or getpass.getuser()
    if not name.isprintable() or not name.strip() or len(name) > _MOST_NAMED or holds_email(name):
        raise click.BadParameter(
            f"must be 1 to {_MOST_NAMED} printable characters and no email address: it stays on the"
            " ledger"
        )
    return name


@tenant.command("off-board", cls=rich_click.RichCommand)
@click.argument("tenant_id", callback=check_tenant, metavar="TENANT")
@click.option(
    "--export",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where all of it is written to first; new or empty, or as a cut-off command left it.",
)
@click.option("--confirm", required=True, metavar="TENANT", help="The tenant's id once more.")
@click.option("--by", callback=_operator, help="Who does it; the user that runs this if left out.")
@click.option("--reason", metavar="TEXT", help="Why; kept in the export alone.")
@database_options
def off_board_(
    tenant_id: str,
    directory: Path,
    confirm: str,
    by: str,
    reason: str | None,
    data_dir: Path,
    database_url: str | None,
) -> None:
    """Close TENANT for good, export all of it, destroy its keys, and certify that.

    Works while `serve` runs, and needs its worker. From the closing on nothing is recorded of the
    tenant and nothing is read. The ledger stays: events with digests in the place of personal
    values. What is cut off goes on when the same command is run again. Nothing is done while a
    legal hold of the tenant is active.
    """
    if confirm != tenant_id:
        raise click.UsageError(
            f"--confirm {confirm} is not the tenant {tenant_id}; nothing is done"
        )
    with installation(data_dir, database_url) as settings, progress_bar("off-board") as progress:
        done = asyncio.run(
            off_board(settings, tenant_id, Doer(by), reason, directory, say, progress)
        )
    held = sum(one.held for one in done.destroyed)
    click.echo(f"tenant {tenant_id} has left: {held} destroyed, nothing left; {done.certificate}")


COMMANDS = (tenant,)
