"""The hub: follows the event store of one cell and feeds every read model.

    NOTIFY or a second ──▶ turn: read once ──▶ model, model, ... (one transaction each)

It leads under a session advisory lock on its LISTEN connection, so that one of several workers
does the work; nothing rests on that but economy (see `read_model`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from application.watching.tracing import ProjectionSpans, Traced
from domain.errors import Unavailable
from projections.progress import positions, register
from projections.read_model import Overtaken, ReadModel, apply_once, now_us
from projections.reading import BATCH_EVENTS, FOLLOWING, Batch, Connection, read_batch
from projections.traces import traced_in

Connect = Callable[[], Awaitable[AsyncConnection[Any]]]

log = structlog.get_logger(__name__)
_LONGEST_WAIT = 30.0
_LEAD = "select pg_try_advisory_lock(hashtextextended('hub ' || %s, 0))"


class Hub:
    """One per cell and worker: `await hub.run()` in a task; cancel the task to stop.

    connect: opens a connection in autocommit, with the cell on its search path. channel: what the
    writers NOTIFY. poll: seconds between looks when no hint comes. exclusive=False works without
    the lock, beside other hubs. spans: where it tells which events of traced requests a model has;
    None: nothing is traced.
    """

    def __init__(
        self,
        connect: Connect,
        channel: str,
        models: Sequence[ReadModel],
        *,
        poll: float = 1.0,
        batch: int = BATCH_EVENTS,
        exclusive: bool = True,
        spans: ProjectionSpans | None = None,
    ) -> None:
        self._connect = connect
        self._channel = channel
        self._models = tuple(models)
        self._poll = poll
        self._batch = batch
        self._exclusive = exclusive
        self._spans = spans
        self._pauses = {model.name: _Pause() for model in self._models}
        self.leading = False
        """Whether this hub is the one that does the work."""

    async def run(self) -> None:
        """Follow the store until cancelled. A database that is away is waited for."""
        failures = _Pause()
        while True:
            try:
                async with self._session() as (listener, worker):
                    failures = _Pause()
                    await self._follow(listener, worker)
            except (psycopg.Error, OSError, Unavailable) as error:
                delay = failures.lengthen()
                log.warning("hub.away", error=type(error).__name__, retry_s=delay)
                await asyncio.sleep(delay)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[tuple[Connection, Connection]]:
        """Two connections, this hub being the leader while they last.

        They are closed without a word to the server: what was not committed is undone by it.
        """
        listener = await self._connect()
        try:
            await self._lead(listener)
            await listener.execute(SQL("listen {}").format(Identifier(self._channel)))
            worker = await self._connect()
            try:
                await worker.execute(FOLLOWING)
                self.leading = True
                yield listener, worker
            finally:
                await worker.close()
        finally:
            self.leading = False
            await listener.close()

    async def _lead(self, listener: Connection) -> None:
        while self._exclusive:
            cursor = await listener.execute(_LEAD, (self._channel,))
            if (await cursor.fetchone() or (False,))[0]:
                return
            await asyncio.sleep(self._poll)

    async def _follow(self, listener: Connection, worker: Connection) -> None:
        while True:
            if await self.turn(worker) == 0:
                async for _ in listener.notifies(timeout=self._poll, stop_after=1):
                    pass

    async def turn(self, connection: Connection) -> int:
        """Give each model its next batch; returns how many events were read.

        Models in one place share what is read. One that is behind reads for itself, up to the
        place of the next one ahead of it, where they meet.
        """
        at = await positions(connection, [model.name for model in self._models])
        if len(at) < len(self._models):
            await register(connection, [model.name for model in self._models])
            return await self.turn(connection)
        read = 0
        for place in sorted(set(at.values())):
            here = [m for m in self._models if at[m.name] == place and self._pauses[m.name].over]
            if not here:
                continue
            ahead = min((other for other in at.values() if other > place), default=None)
            batch = await read_batch(connection, place, up_to=ahead, events=self._batch)
            read += len(batch.events) + len(batch.broken)
            if batch.end == place:
                continue
            # Before it is applied: behind that, they may go.
            traced = [] if self._spans is None else await traced_in(connection, batch)
            for model in here:
                if await self._apply(connection, model, batch, traced):
                    at[model.name] = batch.end
        return read

    async def _apply(
        self, connection: Connection, model: ReadModel, batch: Batch, traced: Sequence[Traced]
    ) -> bool:
        """One model's trouble is its own, as long as the connection lives."""
        began_us = now_us()
        try:
            await apply_once(connection, model, batch)
        except Overtaken:
            return False
        except Exception as error:
            if connection.closed:
                raise
            delay = self._pauses[model.name].lengthen()
            # What is away is told of in words of our own; another error might show an event's.
            reason = str(error) if isinstance(error, Unavailable) else type(error).__name__
            log.error(  # noqa: TRY400  # a traceback might show it too
                "projection.paused", model=model.name, error=reason, retry_s=delay
            )
            return False
        self._pauses[model.name] = _Pause()
        if self._spans is not None and traced:
            self._spans.projected(model.name, began_us, traced)
        return True


class _Pause:
    """Waits that double from a quarter of a second to half a minute."""

    def __init__(self) -> None:
        self._delay = 0.125
        self._until = 0.0

    @property
    def over(self) -> bool:
        return asyncio.get_running_loop().time() >= self._until

    def lengthen(self) -> float:
        """Begin the next wait; returns its seconds."""
        self._delay = min(self._delay * 2, _LONGEST_WAIT)
        self._until = asyncio.get_running_loop().time() + self._delay
        return self._delay
