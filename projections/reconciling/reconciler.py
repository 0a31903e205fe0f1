"""The reconciler: holds every read model against the ledger, in the background, for ever.

    each tenant, by id: a walk (walk.py), some events at a time ──▶ log what was healed ──▶ rest

What cannot be healed raises an alarm, which goes once a whole walk over the tenant finds nothing of
the kind. It leads under a session advisory lock, so that one of several workers reconciles.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import psycopg
import structlog
from msgspec.structs import replace

from application.maintenance.ports import Finding, Range, Step
from application.ports import Clock
from domain.errors import Unavailable
from infrastructure.postgres.connect import store_errors
from projections.read_model import ReadModel
from projections.reading import Connection
from projections.reconciling.place import Place, keep, load, next_tenant
from projections.reconciling.walk import Connect, LedgerWalk, walk_on

log = structlog.get_logger(__name__)

KIND = "reconciler"
"""Of the alarms that are raised here."""

LEAST_COST = 100
"""What the statements of a step cost at least, in events."""

REST = 10.0
"""Seconds between two passes, which a small installation would otherwise make without a pause."""

_LEAD = "select pg_try_advisory_lock(hashtextextended('reconciler ' || current_schema(), 0))"
_RETRY = 1.0


class Alarms(Protocol):
    """Where an alarm is raised, once while it stands, and cleared. Raises Unavailable."""

    async def sound(self, tenant_id: str, kind: str, sequence: int | None, detail: str) -> None: ...

    async def clear(self, tenant_id: str, kind: str) -> None: ...


class _Unreadable(Exception):
    """A fault in the middle of a walk: the connection cannot be gone on with."""


class Reconciler:
    """One per cell and worker: `await reconciler.run()` in a task; cancel the task to stop.

    connect: opens a connection in autocommit, the cell on its search path. rate: events a second; 0
    reconciles nothing. audited: a self-audit tells of what is wrong with the ledger itself. rest:
    seconds between two passes.
    """

    def __init__(
        self,
        connect: Connect,
        models: Sequence[ReadModel],
        alarms: Alarms,
        clock: Clock,
        *,
        rate: int,
        audited: bool,
        rest: float | None = None,
    ) -> None:
        self._connect = connect
        self._models = models
        self._alarms = alarms
        self._clock = clock
        self._rate = rate
        self._audited = audited
        self._rest = REST if rest is None else rest
        self._place: Place | None = None

    async def run(self) -> None:
        """Until cancelled. A database, key store or index key that is away is waited for."""
        if not self._rate:
            await asyncio.Event().wait()
        while True:
            try:
                connection = await self._connect()
                try:
                    await self._lead(connection)
                    await self._follow(connection)
                finally:
                    await connection.close()
            except (_Unreadable, psycopg.Error, OSError, Unavailable) as error:
                log.warning("reconciler.waits", error=type(error).__name__)
                await asyncio.sleep(_RETRY)

    async def _lead(self, connection: Connection) -> None:
        while True:
            row = await (await connection.execute(_LEAD)).fetchone()
            if row and row[0]:
                return
            await asyncio.sleep(_RETRY)
            self._place = None  # another worker goes on

    async def _follow(self, connection: Connection) -> None:
        place = self._place or await load(connection)
        while True:
            self._place = place
            if place.ended:
                place = await self._next(connection, place)
            else:
                place = await self._reconcile(connection, place)

    async def _next(self, connection: Connection, done: Place) -> Place:
        tenant_id = await next_tenant(connection, done.tenant_id)
        if tenant_id is not None:
            return Place(done.passes, tenant_id)
        await asyncio.sleep(self._rest)
        return Place(done.passes + bool(done.tenant_id), "", ended=True)

    async def _reconcile(self, connection: Connection, place: Place) -> Place:
        """With one tenant, to its end."""
        try:
            with store_errors():
                return await self._walk(connection, place)
        except (psycopg.OperationalError, Unavailable, OSError):
            raise
        except Exception as error:
            # Nothing that the other tenants should wait for. Its message may carry values.
            what = f"what is stored from here on cannot be looked at ({type(error).__name__})"
            told = self._place or place
            await self._alarms.sound(told.tenant_id, KIND, told.sequence + 1, what)
            self._place = replace(told, ended=True)
            raise _Unreadable from error

    async def _walk(self, connection: Connection, place: Place) -> Place:
        asked = Range(tenant_id=place.tenant_id, place=place.sequence)
        walk = await walk_on(connection, self._models, asked)
        whole, sound = place.sequence == 0, True
        while not walk.ended:
            started = asyncio.get_running_loop().time()
            step = await walk.step(heal=True)
            sound = await self._judge(place.tenant_id, step) and sound
            place = self._place = await self._keep(connection, place, walk, step)
            spent = asyncio.get_running_loop().time() - started
            await asyncio.sleep(max(0.0, max(LEAST_COST, step.events) / self._rate - spent))
        if whole and sound:
            await self._alarms.clear(place.tenant_id, KIND)
        return place

    async def _judge(self, tenant_id: str, step: Step) -> bool:
        """Tell of what was found; whether all of it was put right, or is others' to tell of."""
        left = []
        for one in step.findings:
            said = {"model": one.model, "table": one.table, "what": one.what, "count": one.count}
            event = "reconciler.healed" if one.healed else "reconciler.left"
            log.warning(event, tenant=tenant_id, sequence=one.sequence, **said)
            if not one.healed and not (self._audited and _of_ledger(one)):
                left.append(one)
        if left:
            first = left[0]
            await self._alarms.sound(tenant_id, KIND, first.sequence, _detail(first))
        return not left

    async def _keep(
        self, connection: Connection, place: Place, walk: LedgerWalk, step: Step
    ) -> Place:
        healed = sum(one.count for one in step.findings if one.healed)
        fresh = replace(place, sequence=walk.place, ended=walk.ended)
        await keep(connection, fresh, healed, self._clock())
        return fresh


def _of_ledger(finding: Finding) -> bool:
    """Whether it is the ledger, or a tile of it, that differs."""
    return finding.what == "altered" or finding.model == "ledger"


def _detail(finding: Finding) -> str:
    said = f"{finding.count} rows of {finding.table} of the read model {finding.model}"
    if finding.table == "events":
        said = f"{finding.count} events that the read model {finding.model} lacks"
    return f"{said} cannot be put right: {finding.what}"
