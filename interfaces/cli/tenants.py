"""`tenant add`, `quota`, `off-board`: tenants from their coming, where that is asked for, to their
leaving."""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path
from typing import cast

import click
import rich_click

from domain.audit.acts import Doer
from domain.privacy.classify import holds_email
from domain.tenancy.quotas import MOST, Asked, Limit
from interfaces.cli.options import check_tenant, database_options, installation, say
from interfaces.cli.progress import progress_bar
from interfaces.composition.maintenance import register_tenant
from interfaces.composition.tenancy import off_board, quota

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


def _limit(_context: click.Context, _option: click.Parameter, value: str | None) -> Limit | None:
    if value in (None, "none", "default"):
        return cast("Limit | None", value)
    assert value is not None, "it is a text by now"
    if not value.isascii() or not value.isdigit() or not 0 < int(value[:20]) <= MOST:
        raise click.BadParameter(f"must be a number from 1 to {MOST}, none or default")
    return int(value)


@tenant.command("quota", cls=rich_click.RichCommand)
@click.argument("tenant_id", callback=check_tenant, metavar="TENANT")
@click.option(
    "--events-per-day",
    callback=_limit,
    metavar="N|none|default",
    help="Events that may be recorded in a day of UTC.",
)
@click.option(
    "--requests-per-minute",
    callback=_limit,
    metavar="N|none|default",
    help="Requests that each API process answers in a minute.",
)
@click.option("--by", callback=_operator, help="Who does it; the user that runs this if left out.")
@database_options
def quota_(
    tenant_id: str,
    events_per_day: Limit | None,
    requests_per_minute: Limit | None,
    by: str,
    data_dir: Path,
    database_url: str | None,
) -> None:
    """Print the quotas of TENANT and what is used of them, having set those that are given.

    In force in every process within a second or so. none: no limit. default: that of the
    installation (ORDER_HISTORY_EVENTS_PER_DAY, ORDER_HISTORY_REQUESTS_PER_MINUTE), as while none is
    set.
    """
    asked = Asked(events_per_day, requests_per_minute)
    with installation(data_dir, database_url) as settings:
        usage = asyncio.run(quota(settings, tenant_id, Doer(by), asked))
    events, requests = usage.events_per_day, usage.requests_per_minute
    left = "" if events.remaining is None else f", {events.remaining} left until {events.until}"
    limit = "no limit" if events.quota is None else events.quota
    click.echo(f"events per day: {limit}; {events.used} used since {events.since}{left}")
    limit = "no limit" if requests.quota is None else requests.quota
    click.echo(f"requests per minute: {limit}")


COMMANDS = (tenant,)
