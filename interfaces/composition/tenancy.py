"""Tenants leaving, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from application.audit.newest import Newest
from application.ledger.exporting import ExportLedger
from application.tenancy.closing import CloseTenant
from application.tenancy.exporting import ExportTenant
from application.tenancy.leaving import DestroyAgain, DestroyTenant, LeaveTenant, Left
from application.tenancy.ports import Progress, Source, Store, Tell
from application.tenancy.quotas import SetQuota, Usage
from application.tenancy.standing import Standing
from domain.audit.acts import Doer
from domain.errors import Conflict
from domain.privacy.sealing import history_originator
from domain.tenancy.closing import Closing
from domain.tenancy.quotas import Asked
from infrastructure.event_store.histories import Histories
from infrastructure.ledger.bundles import ExportRefused
from infrastructure.postgres.connect import open_pool
from infrastructure.tenancy.leavings import FileLeavings
from infrastructure.tenancy.personal import PersonalValues
from infrastructure.tenancy.place import ExportDirectory
from infrastructure.tenancy.settling import Settling
from infrastructure.tenancy.sources import (
    AccessBatches,
    AccessEntries,
    JobsOf,
    KeptLines,
    SavedSearches,
    SnapshotStates,
)
from infrastructure.tenancy.stores import BucketKeys, FoldedStates, JobKeys, Originals, Rows
from interfaces.composition.access_log import awaiting_access, tending_access
from interfaces.composition.connections import clock, connecting
from interfaces.composition.models import indexing
from interfaces.composition.proving import require_open
from interfaces.composition.searching import choke_point, searching
from interfaces.composition.witnessing import witness_policy
from interfaces.composition.writing import WriteSide, writing
from interfaces.settings import Settings
from projections.ledger.queries import LedgerQueries
from projections.orders.queries import OrderQueries
from projections.search.leaving import TenantTerms

log = structlog.get_logger(__name__)


def sources(side: WriteSide) -> Sequence[Source]:
    """What an export has beside the ledger; a further thing that is kept is one line more."""
    pool = side.pool
    return (
        PersonalValues(pool, side.keyring, side.mappings),
        SnapshotStates(pool),
        SavedSearches(pool),
        JobsOf(pool),
        KeptLines(pool, side.job_cipher),
        AccessEntries(pool, side.keyring),
        AccessBatches(pool),
    )


def stores(side: WriteSide) -> Sequence[Store]:
    """What is destroyed of a tenant that leaves, in this order, and looked at again; a further
    thing is one line more. Keys go last: until then all of it can be gone on with."""
    pool, settings = side.pool, side.settings
    return (
        Rows(pool, "personal values", "disclosures"),
        Rows(pool, "wrapped data keys", "data_keys"),
        Rows(pool, "reasons and addresses of the access log", "access_log_personal"),
        Rows(pool, "rejected lines of jobs", "job_lines"),
        Rows(pool, "spooled lines of jobs", "job_chunks"),
        Rows(pool, "idempotency keys", "idempotency_keys"),
        Rows(pool, "states of snapshots", "order_snapshots"),
        Rows(pool, "saved searches", "saved_searches"),
        FoldedStates(pool, "folded states of orders"),
        TenantTerms(
            connecting(settings, "off-board"),
            indexing(settings),
            "events with search terms of personal values",
        ),
        JobKeys(pool, side.key_store, "keys of jobs"),
        Originals(side.mappings, "what pseudonyms stand for"),
        BucketKeys(side.key_store, "keys of the tenant"),
    )


async def off_board(
    settings: Settings,
    tenant_id: str,
    doer: Doer,
    reason: str | None,
    directory: Path,
    tell: Tell,
    progress: Progress,
) -> Left:
    """Beside whatever runs. Raises as `LeaveTenant`; Conflict while another run does the same;
    ExportRefused for a place beside the keys."""
    _refuse_beside_keys(settings, directory)
    async with writing(settings, "off-board") as side:
        require_open(side.committer)
        with FileLeavings(settings.data_dir).alone(tenant_id):
            async with _leaving(side) as leave:
                place = ExportDirectory(directory)
                return await leave(tenant_id, doer, reason, place, tell, progress)


def _refuse_beside_keys(settings: Settings, directory: Path) -> None:
    if directory.resolve().is_relative_to(settings.data_dir.resolve()):
        raise ExportRefused(f"{directory} is in the data directory, beside the keys; name another")


@asynccontextmanager
async def _leaving(side: WriteSide) -> AsyncIterator[LeaveTenant]:
    leavings = FileLeavings(side.settings.data_dir)
    policy = witness_policy(side.settings)
    ledger = LedgerQueries(side.pool, witnessed=policy is not None)
    close = CloseTenant(side.acts, choke_point(side, searching(side).search), side.reader)
    await tending_access(side)()  # what of the access log can be on the ledger, is
    async with awaiting_access(side) as drained:
        yield LeaveTenant(
            close,
            Settling(side.pool, drained, ledger, OrderQueries(side.pool)),
            ExportTenant(ExportLedger(ledger, ledger), sources(side), clock),
            DestroyTenant(stores(side), leavings),
            leavings,
            side.ledger.keys,
            clock,
        )


async def quota(settings: Settings, tenant_id: str, doer: Doer, asked: Asked) -> Usage:
    """Set what is asked for, if anything is; what holds then, and what is used. Raises TenantLeft,
    Unavailable."""
    async with writing(settings, "quota") as side:
        if asked != Asked():
            require_open(side.committer)
            await SetQuota(side.acts)(tenant_id, doer, asked)
        return await side.quotas.usage(tenant_id)


async def require_never_left(settings: Settings, tenant_id: str) -> None:
    """Raises Conflict for a tenant that was closed. Unavailable."""
    closing = FileLeavings(settings.data_dir).of(tenant_id) is not None
    async with await open_pool(
        settings.database_url, settings.cell, min=1, max=1, name="tenant"
    ) as pool:
        stream = history_originator(tenant_id, Closing().stream)
        closing = closing or await Histories(pool).newest_version(stream) > 0
    if closing:
        raise Conflict(f"tenant {tenant_id} has left; an id is not used again: choose another")


def destroy_again(side: WriteSide) -> DestroyAgain:
    """A worker's."""
    return DestroyAgain(stores(side), FileLeavings(side.settings.data_dir))


def destroy_keys_again(side: WriteSide) -> None:
    """What a restored backup has brought back of who has left opens nothing from now on."""
    for tenant_id in FileLeavings(side.settings.data_dir).certified():
        if side.key_store.tenant_keys(tenant_id):
            log.warning("tenant.keys_destroyed_again", tenant=tenant_id)
            side.key_store.destroy_tenant(tenant_id)


def standing(side: WriteSide) -> Standing:
    """Whether tenants are served, for an API process."""
    leavings = FileLeavings(side.settings.data_dir)
    return Standing(Newest(side.acts, Closing), leavings, leavings.tenants())
