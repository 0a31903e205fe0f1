"""Intake on the real database, door and key store."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from psycopg import AsyncConnection

from application.access.seeing import Sight
from application.intake.bulk import BulkIngest
from application.intake.chunks import JobCipher
from application.intake.fingerprint import Fingerprinter
from application.intake.importing import ImportFile
from application.intake.preparing import PrepareHere
from application.intake.recording import Recording
from application.intake.rejected import RejectedLines
from application.intake.spool import BULK_INGEST, ReceiveBulk
from application.intake.sweeping import Sweep
from application.jobs.ports import Job
from application.jobs.running import RunJob
from application.orders.admitting import Admission
from application.orders.record import Comparer, Preparer
from domain.access.caller import Caller
from domain.access.permissions import permissions_of
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.reader import Reader
from infrastructure.jobs.lifelines import PostgresLifelines
from infrastructure.jobs.spool import PostgresSpool
from infrastructure.jobs.store import PostgresJobStore
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool
from infrastructure.privacy.disclosures import StoredDisclosures
from infrastructure.privacy.keyring import Keyring
from infrastructure.schemas import PayloadSchemas
from projections.orders.queries import OrderQueries
from tests.application.access.stored import Served

_tenants = itertools.count(1)


class SilentQueue:
    """Remembers what was enqueued; runs nothing."""

    def __init__(self) -> None:
        self.enqueued: list[tuple[str, str]] = []

    async def enqueue(self, tenant_id: str, job_id: str) -> None:
        self.enqueued.append((tenant_id, job_id))


class Clock:
    """The machine's clock, and then some."""

    def __init__(self) -> None:
        self.ahead_us = 0

    def __call__(self) -> int:
        return time.time_ns() // 1000 + self.ahead_us


async def unlimited(_tenant_id: str) -> None:
    """There is no quota to look up."""


class Intake:
    """All of it for one tenant, put together as the composition root does."""

    def __init__(
        self,
        pool: Pool,
        committer: Committer,
        key_store: FileKeyStore,
        connect: Callable[[], Awaitable[AsyncConnection[Any]]],
    ) -> None:
        self.pool = pool
        self.clock = Clock()
        self.tenant = f"intake{next(_tenants)}"
        self.caller = self.as_role("producer", "shop")
        self.queue = SilentQueue()
        self.jobs = PostgresJobStore(pool, self.clock)
        self.spool = PostgresSpool(pool, self.jobs, self.clock)
        self.cipher = JobCipher(key_store)
        keyring = Keyring(key_store)
        reader = Reader(pool)
        sight = Sight(OrderQueries(pool), reader)
        self.recording = Recording(
            PrepareHere(Preparer(PayloadSchemas(), self.clock, os.urandom, keyring.warm)),
            committer,
            Comparer(reader, StoredDisclosures(pool, keyring), sight),
            Admission(reader, sight),
            self.spool,
            self.cipher,
            unlimited,
        )
        self.served = Served()
        self.receive = ReceiveBulk(
            self.jobs,
            self.queue,
            self.spool,
            self.cipher,
            Fingerprinter(key_store),
            self.served,
            self.clock,
        )
        self.bulk = BulkIngest(self.recording, self.spool, self.cipher)
        self.lifelines = PostgresLifelines(connect, pool, self.clock)
        self.importing = self.importer(self.recording)
        self.rejected = RejectedLines(self.jobs, self.spool, self.cipher)
        self.sweep = Sweep(self.spool, self.cipher, self.lifelines, self.clock)

    def as_role(self, role: str, subject: str) -> Caller:
        return Caller(subject, self.tenant, frozenset({role}), permissions_of([role]), 2**62)

    def importer(self, recording: Recording) -> ImportFile:
        return ImportFile(recording, self.jobs, self.spool, self.lifelines, self.clock)

    async def send(self, body: bytes, *, block: int = 65536, **options: Any) -> Job:
        """Receive a body in blocks, and give back its job."""
        return (await self.receive(self.caller, blocks(body, block), **options)).job

    async def run(self, job: Job) -> Job:
        """Run a job as a worker would, and give it back as it stands then."""
        await RunJob(self.jobs, {BULK_INGEST: self.bulk})(
            job.tenant_id, job.job_id, asyncio.Event()
        )
        after = await self.jobs.get(job.tenant_id, job.job_id)
        assert after is not None
        return after

    async def count(self, table: str) -> int:
        return int((await self.rows(f"select count(*) from {table} where tenant_id = %s"))[0][0])

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of a statement with the tenant's id as its one parameter."""
        async with self.pool.connection() as connection:
            return await (await connection.execute(statement.encode(), (self.tenant,))).fetchall()


async def blocks(body: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def event(event_id: str, **changed: Any) -> bytes:
    """One event as a line without its end."""
    return msgspec.json.encode(
        {
            "event_id": event_id,
            "order_id": "ord_1",
            "occurred_at": "2025-01-01T10:00:00Z",
            "source": "shop",
            "type": "order.note.added",
            "schema_version": "v1",
            "payload": {"note": f"about {event_id}"},
            **changed,
        }
    )
