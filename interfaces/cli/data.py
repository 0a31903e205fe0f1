"""`import` and `rebuild`."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click
import rich_click

from application.intake.importing import Imported
from application.intake.ports import Tally
from interfaces.cli.options import database_options, installation, say, tenant_option
from interfaces.cli.progress import progress_bar
from interfaces.composition.maintenance import import_file, rebuild_models
from interfaces.settings import Settings

STOPPED = 130
"""Exit code of what a signal ended, as of a shell's Ctrl-C."""


@click.command("import", cls=rich_click.RichCommand)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@tenant_option()
@database_options
def import_(files: tuple[Path, ...], tenant: str, data_dir: Path, database_url: str | None) -> int:
    """Record the events of NDJSON FILES (gzip or not) for one tenant.

    What cannot be recorded is kept with its line number and the reason. Importing a file again
    records nothing twice; an import that was stopped is gone on with by starting it again.

    \b
    Exit code
      0: every line is recorded, or was before.
      1: some are not (rejected, or in conflict with what is recorded),
         or a file could not be read to its end.
    130: stopped (Ctrl-C, SIGTERM, or the job was cancelled).
    """
    whole = True
    with installation(data_dir, database_url) as settings:
        for path in files:
            imported = _import(settings, tenant, path)
            if not imported.complete:
                say("stopped; import the file again to go on")
                return STOPPED
            whole = _say_what_is_not_recorded(path, imported) and whole
    return 0 if whole else 1


def _import(settings: Settings, tenant: str, path: Path) -> Imported:
    size = path.stat().st_size
    with progress_bar(path.name) as progress:

        async def run() -> Imported:
            stopping = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stopping.set)
            return await import_file(
                settings, tenant, path, lambda read, _: progress(read, size), stopping
            )

        done = asyncio.run(run())
    click.echo(f"{path.name}: {summary(done.tally)}, job {done.job_id}")
    return done


def _say_what_is_not_recorded(path: Path, imported: Imported) -> bool:
    """Whether all of the file is recorded."""
    missing = imported.tally.conflicts + imported.tally.rejected
    if missing:
        reasons = f"/jobs/{imported.job_id}/rejected"
        say(f"{missing} lines of {path.name} were not recorded; {reasons} says why")
    return not missing


def summary(tally: Tally) -> str:
    """One line for a person."""
    return (
        f"{tally.lines} lines: {tally.recorded} recorded, {tally.duplicates} duplicates, "
        f"{tally.conflicts} conflicts, {tally.rejected} rejected"
    )


@click.command(cls=rich_click.RichCommand)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="Every read model.")
@database_options
def rebuild(
    names: tuple[str, ...], everything: bool, data_dir: Path, database_url: str | None
) -> None:
    """Make read models anew from the event store, beside the old ones, then swap them in.

    Works while everything runs; readers see the old ones until the end.
    """
    if bool(names) == everything:
        raise click.UsageError("name read models, or give --all")
    with installation(data_dir, database_url) as settings, progress_bar("events") as progress:
        rebuilt = asyncio.run(rebuild_models(settings, names, progress))
    click.echo(f"rebuilt: {', '.join(rebuilt)}")


COMMANDS = (import_, rebuild)
