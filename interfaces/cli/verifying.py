"""`verify`: what the ledger proves, of files without any server, and of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import rich_click

from application.ledger import verifying
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.notes import MAX_NOTE_BYTES, VerifierKey
from domain.ledger.policy import MAX_POLICY_BYTES, Policy
from domain.ledger.receipts import MAX_PROOF_BYTES
from interfaces.cli.options import database_options, installation, say, tenant_option
from interfaces.cli.progress import progress_bar
from interfaces.composition.access_log import verify_access
from interfaces.composition.maintenance import audit_ledgers, told_gone

F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path)
_MALFORMED = 2


@click.group(cls=rich_click.RichGroup)
def verify() -> None:
    """Recompute what the ledger proves.

    `proof`, `bundle`, `consistency` and `certificate` need no server, no database and no network,
    only files, and keys that you have from elsewhere. Exit code 0: it holds. 1: it does not, and
    the first sequence that fails is named. 2: something cannot be read.
    """


def _key_option(name: str, what: str, *, required: bool = False) -> Callable[[F], F]:
    return click.option(
        name,
        multiple=True,
        required=required,
        metavar="VKEY",
        help=f"{what} As name+id+base64, or a file of such lines, which must not lie with the "
        "data. May be given several times.",
    )


_keys = _key_option(
    "--key", "A verifier key of the log, or of who must have cosigned.", required=True
)
_policy = click.option(
    "--policy",
    type=_PATH,
    metavar="FILE",
    help="The witnesses who must have cosigned (C2SP tlog-policy).",
)


@verify.command(cls=rich_click.RichCommand)
@click.argument("file", type=_PATH)
@click.option(
    "--event",
    required=True,
    type=_PATH,
    metavar="FILE",
    help="The event's hashed bytes, as GET /events/{id}/bytes gives them.",
)
@_keys
@_policy
@_key_option("--global-key", "A key of the global log, in which it must be anchored then.")
def proof(
    file: Path,
    event: Path,
    key: Sequence[str],
    policy: Path | None,
    global_key: Sequence[str],
) -> int:
    """Verify that a receipt (.tlog-proof) proves an event."""

    def check() -> str:
        data = [file, event]
        holds = verifying.verify_proof(
            verifying.read_file(file, MAX_PROOF_BYTES),
            verifying.read_file(event, verifying.MAX_EVENT_BYTES),
            _read_keys(key, data),
            _read_policy(policy, data),
            _read_keys(global_key, data),
        )
        anchored = f", and in round {holds.anchor.number} of the global log" if holds.anchor else ""
        head = holds.checkpoint
        return f"sequence {holds.sequence} of {head.origin} holds, of {head.size}{anchored}"

    return _judge(check)


@verify.command(cls=rich_click.RichCommand)
@click.argument("directory", type=_PATH, metavar="DIR")
@_keys
@_policy
def bundle(directory: Path, key: Sequence[str], policy: Path | None) -> int:
    """Verify a log as a directory: checkpoint, tiles, entries, and events.ndjson if it is there."""

    def check() -> str:
        keys, asked = _read_keys(key, [directory]), _read_policy(policy, [directory])
        with progress_bar("events") as progress:
            holds = verifying.verify_bundle(directory, keys, asked, progress)
        what = "events" if holds.with_events else "entries, without their events,"
        return f"{holds.checkpoint.size} {what} of {holds.checkpoint.origin} hold"

    return _judge(check)


@verify.command(cls=rich_click.RichCommand)
@click.argument("old", type=_PATH)
@click.argument("new", type=_PATH)
@_keys
@click.option(
    "--proof", "hashes", type=_PATH, metavar="FILE", help="The proof: base64 hashes, a line each."
)
@click.option("--tiles", type=_PATH, metavar="DIR", help="A bundle to take the proof from.")
def consistency(
    old: Path, new: Path, key: Sequence[str], hashes: Path | None, tiles: Path | None
) -> int:
    """Verify that a log only grew between two checkpoints of it, OLD and NEW."""
    if (hashes is None) == (tiles is None):
        raise click.UsageError("give one of --proof, --tiles")

    def check() -> str:
        data = [path for path in (old, new, hashes, tiles) if path is not None]
        keys = _read_keys(key, data)
        older, newer = (verifying.read_file(path, MAX_NOTE_BYTES) for path in (old, new))
        if hashes is not None:
            given = verifying.read_hashes(verifying.read_file(hashes, MAX_PROOF_BYTES))
        else:
            assert tiles is not None
            given = verifying.hashes_from_tiles(tiles, older, newer)
        holds = verifying.verify_consistency(older, newer, keys, given)
        return f"{holds.new.origin}: size {holds.new.size} goes on from size {holds.old.size}"

    return _judge(check)


@verify.command(cls=rich_click.RichCommand)
@click.argument("file", type=_PATH)
@_keys
@click.option(
    "--export",
    "directory",
    type=_PATH,
    metavar="DIR",
    help="The export that it names: its files are verified as well, but for the ledger's tiles, "
    "which `verify bundle DIR/ledger` does.",
)
def certificate(file: Path, key: Sequence[str], directory: Path | None) -> int:
    """Verify the certificate of a tenant that has left: who has signed it, and that nothing of what
    made the tenant's personal data readable is left."""

    def check() -> str:
        data = [file] if directory is None else [file, directory]
        keys = _read_keys(key, data)
        note = verifying.read_file(file, MAX_NOTE_BYTES)
        holds = verifying.verify_certificate(note, keys)
        files = None if directory is None else verifying.verify_export(directory, holds)
        exported = "" if files is None else f"; {files} files of its export hold"
        destroyed = sum(one.held for one in holds.destroyed)
        return (
            f"{holds.origin}: closed at sequence {holds.sequence} on {holds.closed_at}, {destroyed}"
            f" destroyed in {len(holds.destroyed)} stores, nothing left on {holds.checked_at}"
            f"{exported}"
        )

    return _judge(check)


@verify.command(cls=rich_click.RichCommand)
@tenant_option(required=False)
@click.option(
    "--erased/--no-erased",
    default=False,
    show_default=True,
    help="List each personal value that the ledger tells to be gone; else they are counted.",
)
@database_options
def ledger(tenant: str | None, data_dir: Path, database_url: str | None, *, erased: bool) -> int:
    """Re-read every stored byte and recompute chain and tree, of one tenant or of all.

    Personal values that were erased do not touch what holds; the ledger tells which they are.
    Exit code 1, naming the first event that does not hold, and the first checkpoint and the first
    tile that are not of these events; also where nothing is recorded of the tenant.
    """
    with installation(data_dir, database_url) as settings, progress_bar("events") as progress:
        held, differences = audit_ledgers(settings, [tenant] if tenant else None, progress)
    for difference in differences:
        click.echo(
            f"tenant {difference.tenant_id}: sequence {difference.sequence}: {difference.what}"
        )
    if differences:
        return 1
    if tenant and not held:
        say(f"nothing is recorded of {tenant}")
        return 1
    click.echo(f"{held} events hold")
    with installation(data_dir, database_url) as settings:
        _tell_gone(told_gone(settings, [tenant] if tenant else None), listed=erased)
    return 0


def _tell_gone(gone: Iterable[tuple[str, int, str, int]], *, listed: bool) -> None:
    """Nothing where nothing is gone."""
    values: set[tuple[str, int, str]] = set()
    facts: set[tuple[str, int]] = set()
    for tenant_id, sequence, pointer, fact in gone:
        values.add((tenant_id, sequence, pointer))
        facts.add((tenant_id, fact))
        if listed:
            of = f"tenant {tenant_id}: sequence {sequence}"
            click.echo(_line(f"{of}: {pointer} is erased, says sequence {fact}"))
    if values:
        events = len({(tenant_id, sequence) for tenant_id, sequence, _ in values})
        click.echo(
            f"{len(values)} personal values of {events} events are erased; "
            f"{len(facts)} events of the ledger say so"
        )


@verify.command("access-log", cls=rich_click.RichCommand)
@tenant_option()
@database_options
def access_log(tenant: str, data_dir: Path, database_url: str | None) -> int:
    """Recompute the batches of a tenant's access log, and compare them with its ledger.

    Exit code 1, naming the first batch that differs. That the ledger itself holds is told by
    `verify ledger`.
    """
    with installation(data_dir, database_url) as settings:
        found = verify_access(settings, tenant)
    if found.fault is not None:
        click.echo(found.fault)
        return 1
    click.echo(
        f"{found.entries} entries in {found.batches} batches hold; "
        f"{found.undigested} wait for the next batch"
    )
    return 0


def _read_keys(values: Sequence[str], data: Sequence[Path]) -> list[VerifierKey]:
    keys = []
    for value in values:
        path = verifying.key_path(value)
        if path is not None:
            verifying.check_apart(path, data)
        keys += verifying.read_keys(value)
    return keys


def _read_policy(path: Path | None, data: Sequence[Path]) -> Policy | None:
    if path is None:
        return None
    verifying.check_apart(path, data)
    return Policy.parse(verifying.read_file(path, MAX_POLICY_BYTES))


def _judge(check: Callable[[], str]) -> int:
    """The exit code, after the one line."""
    try:
        click.echo(_line(check()))
    except DoesNotHold as fault:
        named = "" if fault.sequence is None else f"sequence {fault.sequence}: "
        click.echo(_line(f"{named}{fault}"))
        return 1
    except Malformed as fault:
        say(_line(f"order-history: {fault}"))
        return _MALFORMED
    except OSError as error:
        say(_line(f"order-history: {error.filename}: {error.strerror}"))
        return _MALFORMED
    return 0


def _line(text: str) -> str:
    """One line, whatever names are in it: they are somebody else's, and go to a terminal."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


COMMANDS = (verify,)
