"""The composition root: the only place that names adapters and puts everything together.

    api(settings)     ──▶ Services of the HTTP application
    writing(settings) ──▶ the write side alone, for `import` and jobs
    working(settings) ──▶ the worker: hub, jobs, snapshots, schedules
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection

from application.access.authenticate import Authenticator, TokenVerifier
from application.orders.as_of import AsOfQueries
from application.orders.record import Comparer, Preparer, RecordEvent
from application.orders.tail import Tail
from application.orders.validate import ValidateEvents
from application.orders.views import Viewer
from application.snapshots.capture import CaptureSnapshot
from domain.access.permissions import BuiltInRoles
from infrastructure.access.jwks import JwksVerifier
from infrastructure.access.local_issuer import ISSUER, LocalIssuer
from infrastructure.access.tokens import VerifierByIssuer
from infrastructure.event_store.appending import Appending
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.histories import Histories
from infrastructure.event_store.listener import Listener
from infrastructure.event_store.notifier import Notifier
from infrastructure.event_store.reader import Reader
from infrastructure.event_store.statements import COMMITTER_SETTINGS
from infrastructure.key_store import durable
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import (
    Pool,
    address,
    connect_one,
    open_pool,
    store_errors,
)
from infrastructure.privacy.disclosures import StoredDisclosures
from infrastructure.privacy.keyring import Keyring
from infrastructure.schemas import PayloadSchemas
from infrastructure.snapshots.store import Snapshots
from interfaces.health import InstallationHealth
from interfaces.http.services import Services
from interfaces.settings import Settings
from projections.registry import MODELS
from projections.orders.queries import OrderQueries
from projections.progress import ModelStatus, status

READERS = 12
"""Connections that an API process reads with."""


def clock() -> int:
    """Microseconds since 1970, of this machine."""
    return time.time_ns() // 1000


@dataclass(slots=True)
class WriteSide:
    """What it takes to put events on the ledger, and to look up what is there."""

    settings: Settings
    pool: Pool
    key_store: FileKeyStore
    keyring: Keyring
    committer: Committer
    reader: Reader
    disclosures: StoredDisclosures
    preparer: Preparer
    comparer: Comparer
    capture: CaptureSnapshot
    as_of: AsOfQueries


@asynccontextmanager
async def writing(settings: Settings, name: str, readers: int = 4) -> AsyncIterator[WriteSide]:
    """The write side, connected; its committer finishes what is queued on leaving."""
    async with AsyncExitStack() as stack:
        pool = await open_pool(
            settings.database_url, settings.cell, min=2, max=readers, name=f"{name} readers"
        )
        stack.push_async_callback(pool.close)
        key_store = FileKeyStore(settings.data_dir / "keys")
        keyring = Keyring(key_store)
        notifier = Notifier(_connecting(settings, f"{name} notifier"), settings.cell)
        append = Appending(keyring, clock, open_tenants=settings.open_tenants)
        connect = _connecting(settings, f"{name} committer", COMMITTER_SETTINGS)
        committer = Committer(connect, append, notify=notifier.hint)
        await notifier.start()
        stack.push_async_callback(notifier.close)
        await committer.start()
        stack.push_async_callback(committer.close)
        reader = Reader(pool)
        disclosures = StoredDisclosures(pool, keyring)
        as_of = AsOfQueries(Histories(pool), reader)
        yield WriteSide(
            settings=settings,
            pool=pool,
            key_store=key_store,
            keyring=keyring,
            committer=committer,
            reader=reader,
            disclosures=disclosures,
            preparer=Preparer(PayloadSchemas(), clock, os.urandom, keyring.warm),
            comparer=Comparer(reader, disclosures),
            capture=CaptureSnapshot(
                committer,
                Snapshots(pool),
                disclosures,
                as_of,
                clock,
                os.urandom,
                keyring.warm,
            ),
            as_of=as_of,
        )


@asynccontextmanager
async def api(settings: Settings) -> AsyncIterator[Services]:
    """Everything the handlers are given."""
    async with AsyncExitStack() as stack:
        side = await stack.enter_async_context(writing(settings, "api", READERS))
        listener = Listener(_connecting(settings, "api listener"), settings.cell)
        await listener.start()
        stack.push_async_callback(listener.close)
        verifier = await _verifier(settings, stack)
        yield Services(
            authenticator=Authenticator(verifier, BuiltInRoles(), clock),
            health=_health(side),
            cursor_key=_cursor_key(settings.data_dir),
            clock=clock,
            preparer=side.preparer,
            record=RecordEvent(side.committer, side.reader, side.disclosures, side.comparer),
            validate=ValidateEvents(side.reader, PayloadSchemas(), clock),
            reader=side.reader,
            disclosures=side.disclosures,
            viewer=Viewer(side.disclosures),
            orders=OrderQueries(side.pool),
            as_of=side.as_of,
            tail=Tail(side.reader, listener),
            capture=side.capture,
            snapshots=Snapshots(side.pool),
        )


def issuer(data_dir: Path) -> LocalIssuer:
    """The issuer of the embedded default, for `token`."""
    data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    return LocalIssuer(data_dir, clock)


def owner_connecting(settings: Settings, name: str) -> Callable[[], Awaitable[AsyncConnection[Any]]]:
    """Opens connections of the tables' owner, for rebuilds."""

    async def connect() -> AsyncConnection[Any]:
        return await connect_one(
            settings.database_url, settings.cell, name=name, as_owner=True
        )

    return connect


def blocking_connect(settings: Settings, name: str) -> Callable[[], Connection[Any]]:
    """Opens blocking connections, for the framework's application."""
    target = address(settings.database_url, settings.cell, name=name)
    return lambda: psycopg.connect(target, autocommit=True)


def _connecting(
    settings: Settings, name: str, options: dict[str, str] | None = None
) -> Callable[[], Awaitable[AsyncConnection[Any]]]:
    async def connect() -> AsyncConnection[Any]:
        return await connect_one(
            settings.database_url, settings.cell, name=name, settings=options
        )

    return connect


def _health(side: WriteSide) -> InstallationHealth:
    async def ask(statement: str) -> Any:
        with store_errors():
            async with side.pool.connection() as connection:
                return (await (await connection.execute(statement)).fetchone() or (0,))[0]

    async def models() -> list[ModelStatus]:
        with store_errors():
            async with side.pool.connection() as connection:
                return await status(connection, [model.name for model in MODELS])

    return InstallationHealth(
        ping=lambda: ask("select 1"),
        committer=side.committer,
        models=models,
        check_keys=lambda: os.listdir(side.settings.data_dir / "keys"),
        waiting_jobs=lambda: ask("select count(*) from jobs where status = 'queued'"),
    )


async def _verifier(settings: Settings, stack: AsyncExitStack) -> TokenVerifier:
    local = LocalIssuer(settings.data_dir, clock)
    if settings.jwks is None:
        return local
    given = settings.jwks
    remote = JwksVerifier(given.issuer, given.audience, given.url, given.algorithms, clock)
    stack.push_async_callback(remote.aclose)
    return VerifierByIssuer({ISSUER: local, given.issuer: remote})


def _cursor_key(data_dir: Path) -> bytes:
    """The same in all API processes of a data directory; made on first use."""
    path = data_dir / "cursor.key"
    with durable.locked(data_dir / "cursor.lock"):
        key = durable.read(path)
        if key is None:
            key = os.urandom(32)
            durable.write(path, key)
    return key
