"""`doctor`: is everything well?"""

from __future__ import annotations

from pathlib import Path

import click
import rich_click

from interfaces.cli.options import database_options, installation, say
from interfaces.cli.progress import progress_bar
from interfaces.composition.maintenance import examine


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


COMMANDS = (doctor,)
