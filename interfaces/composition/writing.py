"""The write side: what it takes to put events on the ledger, and to look up what is there."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from application.access.seeing import Sight
from application.audit.acts import Acts, Streams
from application.audit.newest import Newest
from application.intake.chunks import JobCipher
from application.intake.recording import Recording
from application.orders.admitting import Admission
from application.orders.as_of import AsOfQueries
from application.orders.record import Comparer, Preparer
from application.ports import Door
from application.snapshots.capture import CaptureSnapshot
from application.tenancy.quotas import KeepQuotas
from domain.tenancy.quotas import Quota
from infrastructure.event_store.appending import Appending
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.histories import Histories
from infrastructure.event_store.notifier import Notifier
from infrastructure.event_store.reader import Reader
from infrastructure.event_store.statements import COMMITTER_SETTINGS
from infrastructure.jobs.preparing import PrepareElsewhere
from infrastructure.jobs.spool import PostgresSpool
from infrastructure.jobs.store import PostgresJobStore
from infrastructure.key_store.files import LOCK, FileKeyStore
from infrastructure.postgres.connect import Pool, open_pool
from infrastructure.postgres.wire import Wire
from infrastructure.privacy.disclosures import StoredDisclosures
from infrastructure.privacy.keyring import Keyring
from infrastructure.pseudonyms.mappings import FileMappings
from infrastructure.schemas import PayloadSchemas
from infrastructure.snapshots.store import Snapshots
from infrastructure.tenancy.days import StoredDays
from infrastructure.tenancy.leavings import FileLeavings
from interfaces.composition.connections import clock, connecting
from interfaces.composition.installations import key_directory, require_keys
from interfaces.composition.proving import LedgerSide, ledger_side, stay_ahead
from interfaces.composition.tracing import OFF, Tracing
from interfaces.settings import Settings
from projections.orders.queries import OrderQueries


@dataclass(slots=True)
class WriteSide:
    """The parts, connected. `door` is the committer's, for what comes by a request."""

    settings: Settings
    pool: Pool
    key_store: FileKeyStore
    mappings: FileMappings
    keyring: Keyring
    committer: Committer
    quotas: KeepQuotas
    door: Door
    reader: Reader
    disclosures: StoredDisclosures
    schemas: PayloadSchemas
    preparer: Preparer
    sight: Sight
    comparer: Comparer
    admission: Admission
    as_of: AsOfQueries
    acts: Acts
    snapshots: Snapshots
    capture: CaptureSnapshot
    jobs: PostgresJobStore
    spool: PostgresSpool
    job_cipher: JobCipher
    preparing: PrepareElsewhere
    recording: Recording
    ledger: LedgerSide


@asynccontextmanager
async def writing(
    settings: Settings, name: str, readers: int = 4, tracing: Tracing = OFF
) -> AsyncIterator[WriteSide]:
    """`readers`: connections to read with. The committer finishes what is queued on leaving.

    Raises WrongKeyStore before anything is connected or made.
    """
    await require_keys(settings)
    async with AsyncExitStack() as stack:
        pool = await open_pool(
            settings.database_url, settings.cell, min=2, max=readers, name=f"{name} readers"
        )
        stack.push_async_callback(pool.close)
        key_store = FileKeyStore(key_directory(settings.data_dir))
        keyring = Keyring(key_store)
        newest = Newest(Streams(Histories(pool)), Quota)
        quotas = KeepQuotas(newest, StoredDays(pool), settings.quotas, clock)
        committer = await _committer(settings, name, keyring, quotas, stack)
        ledger = ledger_side(settings, pool, committer)
        await stack.enter_async_context(stay_ahead(settings, ledger.published, committer))
        door = tracing.door(committer)
        side = _put_together(settings, pool, key_store, keyring, committer, quotas, door, ledger)
        stack.callback(side.preparing.close)
        yield side


def bare_preparer() -> Preparer:
    """A preparer without keys, for a process that has none of this."""
    return Preparer(PayloadSchemas(), clock, os.urandom, lambda _: None)


async def _committer(
    settings: Settings, name: str, keyring: Keyring, quotas: KeepQuotas, stack: AsyncExitStack
) -> Committer:
    notifier = Notifier(connecting(settings, f"{name} notifier"), settings.cell)
    left = FileLeavings(settings.data_dir).tenants()
    append = Appending(
        keyring, clock, open_tenants=settings.open_tenants, left=left, allowances=quotas
    )
    connect = connecting(settings, f"{name} committer", COMMITTER_SETTINGS)

    async def open_wire() -> Wire:
        return Wire(await connect())

    committer = Committer(open_wire, append, notify=notifier.hint)
    await notifier.start()
    stack.push_async_callback(notifier.close)
    await committer.start()
    stack.push_async_callback(committer.close)
    return committer


def _put_together(
    settings: Settings,
    pool: Pool,
    key_store: FileKeyStore,
    keyring: Keyring,
    committer: Committer,
    quotas: KeepQuotas,
    door: Door,
    ledger: LedgerSide,
) -> WriteSide:
    reader = Reader(pool)
    disclosures = StoredDisclosures(pool, keyring)
    schemas = PayloadSchemas()
    preparer = Preparer(schemas, clock, os.urandom, keyring.warm)
    sight = Sight(OrderQueries(pool), reader)
    comparer, admission = Comparer(reader, disclosures, sight), Admission(reader, sight)
    histories = Histories(pool)
    as_of = AsOfQueries(histories, reader)
    snapshots = Snapshots(pool)
    jobs = PostgresJobStore(pool, clock)
    spool = PostgresSpool(pool, jobs, clock)
    cipher = JobCipher(key_store)
    preparing = PrepareElsewhere(bare_preparer, keyring.warm)
    return WriteSide(
        settings=settings,
        pool=pool,
        key_store=key_store,
        mappings=_mappings(settings, key_store),
        keyring=keyring,
        committer=committer,
        quotas=quotas,
        door=door,
        reader=reader,
        disclosures=disclosures,
        schemas=schemas,
        preparer=preparer,
        sight=sight,
        comparer=comparer,
        admission=admission,
        as_of=as_of,
        acts=Acts(door, histories, clock, os.urandom, keyring.warm),
        snapshots=snapshots,
        capture=CaptureSnapshot(
            door, snapshots, disclosures, as_of, clock, os.urandom, keyring.warm
        ),
        jobs=jobs,
        spool=spool,
        job_cipher=cipher,
        preparing=preparing,
        recording=Recording(preparing, committer, comparer, admission, spool, cipher, quotas.look),
        ledger=ledger,
    )


def _mappings(settings: Settings, key_store: FileKeyStore) -> FileMappings:
    return FileMappings(settings.data_dir, key_store, key_directory(settings.data_dir) / LOCK)
