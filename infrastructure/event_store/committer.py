"""The one door onto the ledger of a cell: what is queued is committed together.

    submit ──▶ queue, tenants in turn ──▶ batch ──▶ Appending (one transaction) ──▶ outcomes

A batch is whatever waits when the previous one is done: it never waits for company. If a full one
waits before that, it begins behind the commit of the previous one, in the same trip. One request's
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

from application.ports import Beside, Lane, Outcome
from domain.errors import Invalid, OrderHistoryError, Overloaded, Unavailable
from domain.ledger.append import Unmoved
from domain.orders.events import Draft
from infrastructure.event_store.appending import Appending, Loading, Request
from infrastructure.postgres.wire import Wire

BATCH_EVENTS = 250
BATCH_BYTES = 4 * 1024 * 1024
QUEUE_EVENTS = 20_000
QUEUE_BYTES = 64 * 1024 * 1024
_BATCH_TIMEOUT = 10.0
_RECONNECT_EVERY = 0.25

Connect = Callable[[], Awaitable[Wire]]
Batch = list[tuple[Request, asyncio.Future[Any]]]
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
        self._begun: tuple[Batch, Loading | None] | None = None
        self._events = self._bytes = 0
        self._arrived = asyncio.Event()
        self._wire: Wire | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.refusing: str | None = None
        """Why nothing may be recorded; None: it may. What is queued already is committed."""

    @property
    def available(self) -> bool:
        """Whether a submission would be tried at all."""
        running = self._task is not None and not self._task.done()
        return self._wire is not None and running and not self._closing

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
        lane: Lane | None = None,
        unless_moved: Unmoved = (),
    ) -> list[Outcome]:
        """See `application.ports.Door`. `atomic`: all drafts or none."""
        if not 0 < len(drafts) <= BATCH_EVENTS:
            raise ValueError(f"a submission has 1 to {BATCH_EVENTS} drafts, not {len(drafts)}")
        if self.refusing is not None:
            raise Unavailable(self.refusing)
        if not self.available:
            raise Unavailable
        size = sum(draft.size for draft in drafts)
        if self._events + len(drafts) > QUEUE_EVENTS or self._bytes + size > QUEUE_BYTES:
            raise Overloaded
        request = Request(drafts, size, beside, idempotency, atomic, lane, unless_moved)
        future: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(drafts[0].tenant_id, deque()).append((request, future))
        self._events += len(drafts)
        self._bytes += size
        self._arrived.set()
        return await future

    async def _run(self) -> None:
        while not (self._closing and not self._waiting):
            if self._wire is not None:
                await self._arrived.wait()
            self._arrived.clear()
            while self._waiting or self._begun:
                batch, loading = self._begun or (self._take(), None)
                self._begun = None
                await self._try(batch, loading)
            if self._wire is None and not self._closing:
                await self._reconnect()

    def _take(self) -> Batch:
        """The next batch: one request of each tenant in turn, up to the limits."""
        batch: Batch = []
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
        self, wire: Wire, batch: Batch, loading: Loading | None = None, *, retried: bool = False
    ) -> None:
        try:
            async with asyncio.timeout(_BATCH_TIMEOUT):
                if loading is None:
                    await wire.rollback()  # what began in vain, if anything
                    if not batch:
                        return
                    loading = self._append.begin(wire, [request for request, _ in batch])
                writing = await self._append.write(wire, loading)
                self._begin_next(wire)
                await writing.part.done()
        except Exception as error:  # noqa: BLE001  # also a program's fault is that of one request
            await self._recover(wire, batch, error, retried=retried)
        else:
            self._notify()
            for (_, future), outcomes in zip(batch, writing.outcomes, strict=True):
                if not future.done():
                    future.set_result(outcomes)

    def _begin_next(self, wire: Wire) -> None:
        """Let a batch that cannot grow begin before this one is answered."""
        if self._events < BATCH_EVENTS or self._begun is not None:
            return
        batch = self._take()
        self._begun = batch, None
        with suppress(Exception):  # it is told at its own turn, when it begins anew
            self._begun = batch, self._append.begin(wire, [request for request, _ in batch])

    async def _recover(self, wire: Wire, batch: Batch, error: Exception, *, retried: bool) -> None:
        log.warning("batch failed", error=type(error).__name__, requests=len(batch))
        if self._begun is not None:  # it goes down with this one, and begins anew after it
            self._begun = self._begun[0], None
        if await self._rolled_back(wire, error):
            if _is_resource_trouble(error):
                _fail(batch, Unavailable())
            elif len(batch) == 1:
                _fail(batch, _meaning(error))
            else:
                half = len(batch) // 2
                for part in (batch[:half], batch[half:]):
                    await self._try(part)
        else:
            # The connection is gone, perhaps after the commit: the ledger itself has the answer.
            with suppress(Unavailable):
                await self._open()
            if retried:
                _fail(batch, Unavailable())
            else:
                await self._try(batch, retried=True)

    async def _try(
        self, batch: Batch, loading: Loading | None = None, *, retried: bool = False
    ) -> None:
        """Commit what does not stand in a blocked lane, as far as there is a connection."""
        if any(request.lane is not None and request.lane.blocked for request, _ in batch):
            _fail([one for one in batch if one[0].lane and one[0].lane.blocked], Unavailable())
            batch = [one for one in batch if not one[1].done()]
            loading = None
        if self._wire is None:
            _fail(batch, Unavailable())
        else:
            await self._commit(self._wire, batch, loading, retried=retried)

    async def _rolled_back(self, wire: Wire, error: Exception) -> bool:
        """Whether the connection survived and the transaction is surely undone."""
        if wire.closed or isinstance(error, (OSError, TimeoutError)):
            await self._drop()
            return False
        try:
            async with asyncio.timeout(2):
                await wire.rollback()
        except (psycopg.Error, OSError, TimeoutError):
            await self._drop()
            return False
        return True

    async def _reconnect(self) -> None:
        while self._wire is None and not self._closing:
            with suppress(Unavailable):
                await self._open()
                log.info("committer connected")
                return
            await asyncio.sleep(_RECONNECT_EVERY)

    async def _open(self) -> None:
        try:
            self._wire = await self._connect()
        except (psycopg.Error, OSError, TimeoutError, OrderHistoryError) as error:
            raise Unavailable from error

    async def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            with suppress(psycopg.Error, OSError):
                await wire.close()


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
    for request, future in batch:
        if request.lane is not None:
            request.lane.blocked = True
        if not future.done():
            future.set_exception(error)
