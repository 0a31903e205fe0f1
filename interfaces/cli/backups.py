"""`backup` and `restore`: database and keys together."""

from __future__ import annotations

from pathlib import Path

import click
import rich_click

from interfaces.cli.options import database_options, installation, say, settings_of
from interfaces.cli.progress import progress_bar
from interfaces.composition.backups import back_up, bring_back, refuse_incomplete
from interfaces.composition.database import embedded
from interfaces.composition.maintenance import audit_ledgers
from interfaces.settings import Settings

_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.command(cls=rich_click.RichCommand)
@click.argument("directory", type=_DIRECTORY)
@database_options
def backup(directory: Path, data_dir: Path, database_url: str | None) -> None:
    """Write the database and the key store to DIRECTORY, which must be new or empty.

    Works while everything runs. Whoever has it can read everything: keep it as safe as the keys.
    """
    with installation(data_dir, database_url) as settings:
        back_up(settings, directory)
    click.echo(f"backed up to {directory}")


@click.command(cls=rich_click.RichCommand)
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@database_options
def restore(directory: Path, data_dir: Path, database_url: str | None) -> int:
    """Bring a backup from DIRECTORY into an empty installation, and recompute its ledgers.

    Copy erased/ and published/ of the old data directory into the new one, before or after, but
    before anything is served: without the first, who was erased since the backup is back; without
    the second, what was signed since is not missed. A backup holds neither.

    Exit code 1, naming the first event that does not hold, when the backup is not what was stored.
    """
    refuse_incomplete(directory)
    if database_url:
        return _restore(directory, settings_of(data_dir, database_url))
    with embedded(data_dir) as server:
        return _restore(directory, settings_of(data_dir, server.url()))


_APART = {
    "erased": "without it, who was erased since the backup is back",
    "published": "without it, what was signed since the backup is not missed",
}
"""What no backup holds, and what comes of that."""


def _restore(directory: Path, settings: Settings) -> int:
    bring_back(settings, directory)
    say("restored; recomputing the ledgers")
    with progress_bar("events") as progress:
        held, differences = audit_ledgers(settings, None, progress)
    for found in differences:
        click.echo(f"tenant {found.tenant_id}: sequence {found.sequence}: {found.what}")
    if differences:
        return 1
    click.echo(f"restored and verified: {held} events hold")
    for name, without in _APART.items():
        elsewhere = name == "published" and settings.ledger.publish_dir is not None
        if not elsewhere and not (settings.data_dir / name).is_dir():
            say(
                f"before you serve, copy the old data directory's {name}/, if it had one: {without}"
            )
    return 0


COMMANDS = (backup, restore)
