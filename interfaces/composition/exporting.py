"""Exports of ledgers, beside whatever runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from application.ledger.exporting import ExportLedger
from infrastructure.ledger.bundles import new_bundle
from infrastructure.postgres.connect import open_pool
from interfaces.composition.witnessing import witness_policy
from interfaces.settings import Settings
from projections.ledger.queries import LedgerQueries


class Exported(Struct, frozen=True):
    """What a bundle holds."""

    events: int
    files: int


async def export_ledger(
    settings: Settings,
    tenant_id: str,
    directory: Path,
    report: Callable[[int, int], None],
    *,
    events: bool,
) -> Exported:
    """A tenant's ledger as a static directory. Raises ExportRefused, NotFound, PolicyRefused,
    Unavailable; then nothing is there."""
    policy = witness_policy(settings)
    with new_bundle(directory) as bundle:
        pool = await open_pool(settings.database_url, settings.cell, min=1, max=2, name="export")
        async with pool:
            ledger = LedgerQueries(pool, witnessed=policy is not None)
            export = ExportLedger(ledger, ledger)
            signed = await export(tenant_id, bundle, report, events=events)
    return Exported(signed.size, bundle.count)
