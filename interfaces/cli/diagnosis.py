"""`verify ledger` and `doctor`: is what is stored what was recorded, and is everything well?"""

from __future__ import annotations

from pathlib import Path

import click
import rich_click

from interfaces.cli.options import database_options, installation, say, tenant_option
from interfaces.cli.progress import progress_bar
from interfaces.composition.maintenance import audit_ledgers, examine


@click.group(cls=rich_click.RichGroup)
def verify() -> None:
    """Recompute what the ledger proves."""


@verify.command(cls=rich_click.RichCommand)
@tenant_option(required=False)
@database_options
def ledger(tenant: str | None, data_dir: Path, database_url: str | None) -> int:
    """Re-read every stored byte and recompute the chain, of one tenant or of all.

    Exit code 1, naming the first event that does not hold.
    """
    with installation(data_dir, database_url) as settings, progress_bar("events") as progress:
        held, differences = audit_ledgers(settings, [tenant] if tenant else None, progress)
    for difference in differences:
        click.echo(
            f"tenant {difference.tenant_id}: sequence {difference.sequence}: {difference.what}"
        )
    if differences:
        return 1
    click.echo(f"{held} events hold")
    return 0


@click.command(cls=rich_click.RichCommand)
@database_options
def doctor(data_dir: Path, database_url: str | None) -> int:
    """Look at everything and say what is wrong: database, keys, ledger, read models."""
    failed = 0
    with installation(data_dir, database_url) as settings:
        with progress_bar("events") as progress:
            findings = examine(settings, progress)
        for finding in findings:
            mark = "ok  " if finding.ok else "FAIL"
            click.echo(f"{mark}  {finding.name}: {finding.detail}")
            failed += not finding.ok
    if failed:
        say(f"{failed} checks failed")
    return 1 if failed else 0


COMMANDS = (verify, doctor)
