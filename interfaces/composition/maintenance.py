"""Long work at the command line: importing, rebuilding, verifying, looking after everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

from application.intake.importing import Imported, ImportFile
from application.intake.importing import Progress as ImportProgress
from domain.errors import Conflict, NotFound, OrderHistoryError, Unavailable
from domain.ledger.recompute import Difference
from infrastructure.erasure.telling import told_of
from infrastructure.event_store.auditing import audit, gaps, tenants_of
from infrastructure.event_store.keys import unopenable_keys
from infrastructure.event_store.statements import INSERT_TENANTS
from infrastructure.key_store.files import FileKeyStore
from infrastructure.search.secret import SECRET_BYTES, stored_search_key
from interfaces.collector import spare_the_collector
from interfaces.composition.connections import blocking, clock, connecting
from interfaces.composition.findings import Finding, signed_findings
from interfaces.composition.installations import key_directory, require_keys
from interfaces.composition.lifelines import lifelines
from interfaces.composition.models import indexing, models
from interfaces.composition.proving import require_open
from interfaces.composition.tenancy import require_never_left
from interfaces.composition.writing import writing
from interfaces.settings import Settings
from projections.progress import status
from projections.rebuild import compare, rebuild
from projections.registry import NAMES, read_models
from projections.search.key import require_key

Report = Callable[[int, int], None]


async def import_file(
    settings: Settings,
    tenant_id: str,
    path: Path,
    progress: ImportProgress,
    stopping: asyncio.Event,
) -> Imported:
    """Record a file's events, straight onto the ledger. Raises Conflict for a tenant that left."""
    await require_never_left(settings, tenant_id)
    async with writing(settings, "import") as side:
        require_open(side.committer)
        spare_the_collector()
        command = ImportFile(side.recording, side.jobs, side.spool, lifelines(side), clock)
        return await command(
            tenant_id, path, submitted_by="import", progress=progress, stopping=stopping
        )


async def rebuild_models(settings: Settings, names: Sequence[str], report: Report) -> list[str]:
    """Make read models anew, all of them when none is named. Returns the names.

    Raises NotFound, naming those there are; WrongKeyStore, for without the keys of its database an
    index would lack addresses.
    """
    for name in names:
        if name not in NAMES:
            raise NotFound(f"no read model {name!r}; there are: {', '.join(NAMES)}")
    await require_keys(settings)
    known = {model.name: model for model in models(settings)}
    wanted = [known[name] for name in names or NAMES]
    await rebuild(connecting(settings, "rebuild", as_owner=True), wanted, report)
    return [model.name for model in wanted]


def register_tenant(settings: Settings, tenant_id: str) -> None:
    """Let a tenant's events be accepted where registration is asked for. Raises Conflict for one
    that has left: its id is not used again."""
    asyncio.run(require_never_left(settings, tenant_id))
    with blocking(settings, "tenant")() as connection:
        connection.execute(INSERT_TENANTS, (clock(), [tenant_id]))


def audit_ledgers(
    settings: Settings, tenants: Sequence[str] | None, report: Report
) -> tuple[int, list[Difference]]:
    """Recompute ledgers from their stored bytes: how many events hold, and what does not."""
    with blocking(settings, "verify")() as connection:
        return audit(connection, tenants, report)


def told_gone(
    settings: Settings, tenants: Sequence[str] | None
) -> Iterator[tuple[str, int, str, int]]:
    """(tenant, sequence, pointer, sequence of who tells it) of each personal value that the ledgers
    of these tenants, or of all, tell to be gone."""
    with blocking(settings, "verify")() as connection:
        chosen = tenants_of(connection) if tenants is None else tenants
        for tenant_id in chosen:
            for gone in told_of(connection, tenant_id):
                for pointer in gone.pointers:
                    yield tenant_id, gone.sequence, pointer, gone.fact


def examine(settings: Settings, report: Report) -> list[Finding]:
    """Everything that can be checked without changing anything."""
    # Not in one event loop: that would hear of Ctrl-C only when it gets a turn, after the ledgers.
    return [
        _ledgers(settings, report),
        _keys(settings),
        *signed_findings(settings),
        *asyncio.run(_read_models(settings)),
    ]


async def _read_models(settings: Settings) -> list[Finding]:
    findings = []
    connection = await connecting(settings, "doctor")()
    async with connection:
        for model in await status(connection, NAMES):
            detail = f"{model.lag} events behind, {model.dead_letters} dead letters"
            findings.append(Finding(f"read model {model.model}", not model.degraded, detail))
        findings.append(await _compared(settings, connection))
    return findings


async def _compared(settings: Settings, connection: AsyncConnection[Any]) -> Finding:
    """Without its secret an index is compared as one of another secret; none is made here."""
    try:
        index = indexing(settings, stored_search_key(settings.data_dir) or bytes(SECRET_BYTES))
        await require_key(connection, index.fingerprint)
        as_owner = connecting(settings, "doctor", as_owner=True)
        differing = await compare(as_owner, read_models(index))
    except (Conflict, Unavailable) as error:  # a conflict: with a rebuild or a reindex that runs
        return Finding("read models", False, str(error))
    said = (
        f"differ from a rebuild: {', '.join(differing)}" if differing else "as a rebuild makes them"
    )
    return Finding("read models", not differing, said)


def _ledgers(settings: Settings, report: Report) -> Finding:
    with blocking(settings, "doctor")() as connection:
        held, differences = audit(connection, None, report)
        missing = gaps(connection)
    if differences:
        first = differences[0]
        detail = f"tenant {first.tenant_id}, sequence {first.sequence}: {first.what}"
    elif missing:
        detail = f"{missing} positions are missing"
    else:
        detail = f"{held} events hold"
    return Finding("ledger", not differences and not missing, detail)


def _keys(settings: Settings) -> Finding:
    directory = key_directory(settings.data_dir)
    try:
        asyncio.run(require_keys(settings))
        if not directory.is_dir():
            return Finding("key store", True, "nothing recorded yet, no key made")
        with blocking(settings, "doctor")() as reading:
            lost = unopenable_keys(reading, FileKeyStore(directory))
    except (OrderHistoryError, OSError) as error:
        return Finding("key store", False, str(error))
    if lost:
        return Finding("key store", False, f"{lost} data keys do not open")
    open_to_others = directory.stat().st_mode & 0o077
    said = "the directory is open to others" if open_to_others else "every data key opens"
    return Finding("key store", not open_to_others, said)
