"""The one door onto the ledger of a cell: what is queued is committed together.

    submit ──▶ queue, tenants in turn ──▶ batch ──▶ Appending (one transaction) ──▶ outcomes

A batch is whatever waits when the previous one is done: it never waits for company. One request's
failure is its own: a batch that fails is halved until the culprit is alone. While the database is
away every submission is refused at once, and a background task reconnects.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection

from application.ports import Beside, Outcome
from domain.errors import Invalid, OrderHistoryError, Overloaded, Unavailable
from domain.orders.events import Draft
from infrastructure.event_store.appending import Appending, Request
from infrastructure.postgres.arrays import register_columns

BATCH_EVENTS = 250
BATCH_BYTES = 4 * 1024 * 1024
QUEUE_EVENTS = 20_000
QUEUE_BYTES = 64 * 1024 * 1024
_BATCH_TIMEOUT = 10.0
_RECONNECT_EVERY = 0.25

Connect = Callable[[], Awaitable[AsyncConnection[Any]]]
log = structlog.get_logger(__name__)


class Committer:
    """Implements `application.ports.Door`. Owns its connection; those who wait hold none."""

    def __init__(
        self, connect: Connect, append: Appending, *, notify: Callable[[], None] = lambda: None
    ) -> None:
        self._connect = connect
        self._append = append
        self._notify = notify
        self._waiting: OrderedDict[str, deque[tuple[Request, asyncio.Future[Any]]]] = OrderedDict()
        self._events = self._bytes = 0
        self._arrived = asyncio.Event()
        self._connection: AsyncConnection[Any] | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def available(self) -> bool:
        """Whether a submission would be tried at all."""
        running = self._task is not None and not self._task.done()
        return self._connection is not None and running and not self._closing

    @property
    def queued(self) -> int:
        """Events that wait for a batch."""
        return self._events

    @property
    def ahead_us(self) -> int:
        """How far the ledger's newest received_at lies ahead of this machine's clock."""
        return self._append.ahead_us

    async def start(self) -> None:
        """Connect (once, without insisting) and begin to commit."""
        with suppress(Unavailable):
            await self._open()
        self._task = asyncio.create_task(self._run(), name="committer")

    async def close(self) -> None:
        """Commit what is queued, refuse what comes after, give the connection back."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        await self._drop()

    async def submit(
        self,
        drafts: Sequence[Draft],
        *,
        beside: Beside | None = None,
        idempotency: tuple[str, str] | None = None,
        atomic: bool = False,
    ) -> list[Outcome]:
        """See `application.ports.Door`. `atomic`: all drafts or none."""
        if not 0 < len(drafts) <= BATCH_EVENTS:
            raise ValueError(f"a submission has 1 to {BATCH_EVENTS} drafts, not {len(drafts)}")
        if not self.available:
            raise Unavailable
        size = sum(map(_size, drafts))
        if self._events + len(drafts) > QUEUE_EVENTS or self._bytes + size > QUEUE_BYTES:
            raise Overloaded
        request = Request(drafts, size, beside, idempotency, atomic)
        future: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(drafts[0].tenant_id, deque()).append((request, future))
        self._events += len(drafts)
        self._bytes += size
        self._arrived.set()
        return await future

    async def _run(self) -> None:
        while not (self._closing and not self._waiting):
            if self._connection is not None:
                await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                batch = self._take()
                if self._connection is None:
                    _fail(batch, Unavailable())
                else:
                    await self._commit(batch)
            if self._connection is None and not self._closing:
                await self._reconnect()

    def _take(self) -> list[tuple[Request, asyncio.Future[Any]]]:
        """The next batch: one request of each tenant in turn, up to the limits."""
        batch: list[tuple[Request, asyncio.Future[Any]]] = []
        events = size = 0
        while self._waiting:
            tenant, queue = next(iter(self._waiting.items()))
            request, _ = queue[0]
            more = len(request.drafts)
            if batch and (events + more > BATCH_EVENTS or size + request.size > BATCH_BYTES):
                break
            batch.append(queue.popleft())
            events, size = events + more, size + request.size
            del self._waiting[tenant]
            if queue:
                self._waiting[tenant] = queue
        self._events -= events
        self._bytes -= size
        return batch

    async def _commit(
        self, batch: list[tuple[Request, asyncio.Future[Any]]], *, retried: bool = False
    ) -> None:
        assert self._connection is not None
        try:
            async with asyncio.timeout(_BATCH_TIMEOUT):
                results = await self._append(self._connection, [request for request, _ in batch])
        except Exception as error:  # noqa: BLE001  # also a program's fault is that of one request
            await self._recover(batch, error, retried=retried)
        else:
            self._notify()
            for (_, future), outcomes in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(outcomes)

    async def _recover(
        self,
        batch: list[tuple[Request, asyncio.Future[Any]]],
        error: Exception,
        *,
        retried: bool,
    ) -> None:
        log.warning("batch failed", error=type(error).__name__, requests=len(batch))
        if await self._rolled_back(error):
            if _is_resource_trouble(error):
                _fail(batch, Unavailable())
            elif len(batch) == 1:
                _fail(batch, _meaning(error))
            else:
                half = len(batch) // 2
                for part in (batch[:half], batch[half:]):
                    if self._connection is None:
                        _fail(part, Unavailable())
                    else:
                        await self._commit(part)
            return
        # The connection is gone, perhaps after the commit: the ledger itself has the answer.
        with suppress(Unavailable):
            await self._open()
        if self._connection is None or retried:
            _fail(batch, Unavailable())
        else:
            await self._commit(batch, retried=True)

    async def _rolled_back(self, error: Exception) -> bool:
        """Whether the connection survived and the transaction is surely undone."""
        connection = self._connection
        if connection is None or connection.closed or isinstance(error, (OSError, TimeoutError)):
            await self._drop()
            return False
        try:
            async with asyncio.timeout(2):
                await connection.rollback()
        except (psycopg.Error, OSError, TimeoutError):
            await self._drop()
            return False
        return True

    async def _reconnect(self) -> None:
        while self._connection is None and not self._closing:
            with suppress(Unavailable):
                await self._open()
                log.info("committer connected")
                return
            await asyncio.sleep(_RECONNECT_EVERY)

    async def _open(self) -> None:
        try:
            connection = await self._connect()
        except (psycopg.Error, OSError, TimeoutError, OrderHistoryError) as error:
            raise Unavailable from error
        register_columns(connection)
        self._connection = connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                await connection.close()


def _size(draft: Draft) -> int:
    """Its bytes that count, those that are to be encrypted beside it among them."""
    beside = sum(len(disclosure.text) for disclosure in draft.disclosures)
    return len(draft.payload) + len(draft.metadata or b"") + beside


def _is_resource_trouble(error: Exception) -> bool:
    """Disk full, out of memory, shutting down: not the fault of any event."""
    state = getattr(error, "sqlstate", None) or ""
    return state[:2] in {"53", "57", "58", "25"}


def _meaning(error: Exception) -> Exception:
    """What a request is told that failed alone. What the data itself is to blame for would fail
    again, so it must not look as if trying again could help."""
    if not isinstance(error, psycopg.Error):
        return error
    if (error.sqlstate or "")[:2] in {"21", "22", "23", "54"}:
        return Invalid.field("", "the store cannot hold this event")
    return Unavailable("the event could not be written")


def _fail(batch: Sequence[tuple[Request, asyncio.Future[Any]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
