"""What signs the ledger and keeps what was signed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection

from application.ledger.ports import GLOBAL
from application.ledger.signing import origin_of
from domain.errors import OrderHistoryError, Unavailable
from infrastructure.event_store.committer import Committer
from infrastructure.ledger.alarms import Alarms
from infrastructure.ledger.behind import LedgerBehind, require_ahead
from infrastructure.ledger.object_store import DirectoryStore
from infrastructure.ledger.self_audit import SelfAudit
from infrastructure.ledger.signer import Signer
from infrastructure.ledger.signing_keys import FileLogKeys
from infrastructure.postgres.connect import Pool, in_threads, store_errors
from interfaces.composition.connections import blocking, clock
from interfaces.settings import Settings

_LOOK_AGAIN = 5.0


@dataclass(slots=True)
class LedgerSide:
    """The parts, connected."""

    keys: FileLogKeys
    published: DirectoryStore
    alarms: Alarms


def ledger_side(settings: Settings, pool: Pool, committer: Committer) -> LedgerSide:
    """The committer is the door that alarms are recorded through."""
    return LedgerSide(
        log_keys(settings), published(settings), Alarms(pool, committer, clock, os.urandom)
    )


def log_keys(settings: Settings) -> FileLogKeys:
    """The keys that sign."""
    return FileLogKeys(signing_directory(settings), clock)


def signing_directory(settings: Settings) -> Path:
    """Where they lie."""
    return settings.data_dir / "signing"


def published(settings: Settings) -> DirectoryStore:
    """Where checkpoints are published."""
    return DirectoryStore(settings.ledger.publish_dir or settings.data_dir / "published")


def signer(settings: Settings, side: LedgerSide) -> Signer:
    """A worker's."""
    return Signer(
        blocking(settings, "signer"),
        side.keys,
        side.published,
        side.alarms,
        clock,
        interval=settings.ledger.checkpoint_seconds,
    )


def self_audit(settings: Settings, side: LedgerSide) -> SelfAudit:
    """A worker's."""
    return SelfAudit(
        blocking(settings, "self-audit"),
        side.keys,
        side.published,
        side.alarms,
        clock,
        rate=settings.ledger.audit_rate,
    )


@asynccontextmanager
async def stay_ahead(
    settings: Settings, store: DirectoryStore, committer: Committer
) -> AsyncIterator[None]:
    """Let nothing be recorded while the store lies behind what was signed of it, as after a
    restored backup; reading goes on."""
    connect = blocking(settings, "published")
    try:
        committer.refusing = await _behind(connect, store)
    except Unavailable as error:  # reading needs neither storage nor signer
        committer.refusing = f"whether the store is as it was signed cannot be told: {error}"
    if committer.refusing is None:
        yield
        return
    watching = asyncio.create_task(_watch(connect, store, committer))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)  # it closes its connection


async def _watch(
    connect: Callable[[], Connection[Any]], store: DirectoryStore, committer: Committer
) -> None:
    while committer.refusing is not None:
        with suppress(OrderHistoryError):
            reason = await _behind(connect, store)
            if committer.refusing is not None:  # else it was opened meanwhile
                committer.refusing = reason
        await asyncio.sleep(_LOOK_AGAIN)


async def _behind(connect: Callable[[], Connection[Any]], store: DirectoryStore) -> str | None:
    """Why nothing may be recorded. Raises Unavailable when it cannot be told."""
    with store_errors():
        async with in_threads(connect) as connection:
            try:
                await require_ahead(connection, store)
            except LedgerBehind as error:
                return str(error)
    return None


def require_open(committer: Committer) -> None:
    """Raises Unavailable while nothing may be recorded."""
    if committer.refusing is not None:
        raise Unavailable(committer.refusing)


async def verifier_keys(settings: Settings, tenant_id: str | None) -> list[str]:
    """The keys of a tenant's log, or of the global one, as text; of its newest origin."""
    keys = log_keys(settings)
    epoch = await published(settings).largest(GLOBAL) or 1
    origin = origin_of(keys.service_origin, tenant_id or GLOBAL, epoch)
    return [str(key) for key in keys.verifier_keys(origin)]


def change_keys(settings: Settings, *, rotate: bool) -> None:
    """Make a new key, or retire those before the newest. Raises Conflict, KeyUnavailable."""
    keys = log_keys(settings)
    if rotate:
        keys.rotate()
    else:
        keys.retire()
