"""`tenant add`: for installations where tenants do not exist from their first event."""

from __future__ import annotations

from pathlib import Path

import click
import rich_click

from interfaces.cli.options import check_tenant, database_options, installation
from interfaces.composition.maintenance import register_tenant


@click.group(cls=rich_click.RichGroup)
def tenant() -> None:
    """Tenants. They need no registration unless ORDER_HISTORY_OPEN_TENANTS=no."""


@tenant.command(cls=rich_click.RichCommand)
@click.argument("tenant_id", callback=check_tenant, metavar="TENANT")
@database_options
def add(tenant_id: str, data_dir: Path, database_url: str | None) -> None:
    """Register TENANT, so that its events are accepted. Does nothing when it is registered."""
    with installation(data_dir, database_url) as settings:
        register_tenant(settings, tenant_id)
    click.echo(f"tenant {tenant_id} is registered")


COMMANDS = (tenant,)
