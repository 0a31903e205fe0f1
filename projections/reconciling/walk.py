"""A walk along one tenant's ledger that holds every read model against it, a few events at a time.

    look (one snapshot, nothing locked) ──▶ differs? ──▶ look again with the model locked, put right

A difference counts once it was found while the model stood still: so a model that lags, or is being
swapped for a rebuilt one, is never taken for broken. The lock is that of the model's place, which
every batch of the hub takes: while it is held, a few milliseconds, the hub waits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from msgspec.structs import replace
from psycopg import AsyncConnection

from application.jobs.running import Cancelled
from application.maintenance.ports import NO_END, Beside, Finding, Range, Step
from application.ports import Statement
from infrastructure.postgres.connect import store_errors
from projections.orders.model import OrdersModel
from projections.progress import head, positions
from projections.read_model import ReadModel
from projections.reading import Connection
from projections.reconciling import strangers, tiles
from projections.reconciling.rows import BY_EVENT, Looked, OrderRows
from projections.reconciling.source import Part
from projections.reconciling.sums import Sums

Connect = Callable[[], Awaitable[AsyncConnection[Any]]]

BATCH = 256
"""Events that are looked at in one go: a tile's."""

_LOCK = "select position from tracking where model = %s for update"
_SNAPSHOT = "set transaction isolation level repeatable read"


@asynccontextmanager
async def walking(
    connect: Connect, models: Sequence[ReadModel], asked: Range, batch: int = BATCH
) -> AsyncIterator[LedgerWalk]:
    """`application.maintenance.ports.Walks`, once the first two are given.

    connect: opens a connection in autocommit, the cell on its search path. models: those of the
    cell, the orders among them.
    """
    with store_errors():
        connection = await connect()
        try:
            yield await walk_on(connection, models, asked, batch)
        finally:
            await connection.close()


async def walk_on(
    connection: Connection, models: Sequence[ReadModel], asked: Range, batch: int = BATCH
) -> LedgerWalk:
    """A walk on a connection in autocommit, which has no other meanwhile."""
    walk = LedgerWalk(connection, models, asked, batch)
    await walk.create()
    return walk


class LedgerWalk:
    """Implements `application.maintenance.ports.Walk`. place: the sequence of the last event that
    was looked at."""

    def __init__(
        self, connection: Connection, models: Sequence[ReadModel], asked: Range, batch: int
    ) -> None:
        self.place = max(asked.place, asked.first - 1)
        self.ended = False
        self._connection = connection
        self._asked = asked
        self._batch = batch
        self._at_end = False
        orders = next(model for model in models if model.name == OrdersModel.name)
        tenant_id, retry = asked.tenant_id, asked.retry
        self._rows = OrderRows(orders, tenant_id, asked.first - 1, retry=retry)
        self._sums = [
            Sums(model, tenant_id, BY_EVENT if model is orders else (), retry=retry)
            for model in models
            if asked.whole and model.name != tiles.NAME
        ]

    async def create(self) -> None:
        """Before the first step."""
        await self._rows.create(self._connection)
        for sums in self._sums:
            await sums.create(self._connection)

    async def step(self, *, heal: bool, beside: Beside | None = None) -> Step:
        """Look at the next events; heal: and put right what differs. At the end: at the sums."""
        start = self.place
        if await self._caught_up(start):
            return Step(start, self._batch, [])
        if self._at_end:
            self.ended = True
            return Step(start, 0, await self._hold_totals(heal, beside))
        findings = await self._hold_rows(heal, beside)
        await self._add_up(self._sums)
        self.ended = self._at_end and not self._sums
        return Step(self.place, self.place - start, findings)

    async def _caught_up(self, place: int) -> bool:
        """Whether there was something to add up to a place: the walk was begun by somebody else, or
        a model lags, and has moved since."""
        behind = [sums for sums in self._sums if sums.place < place]
        before = [sums.place for sums in behind]
        await self._add_up(behind)
        return before != [sums.place for sums in behind]

    async def _hold_rows(self, heal: bool, beside: Beside | None) -> list[Finding]:
        """Of the next events: their rows, their orders, the tiles that end with them."""
        connection, after, asked = self._connection, self.place, self._asked
        async with connection.transaction():
            await connection.execute(_SNAPSHOT)
            places = await positions(connection, [OrdersModel.name, tiles.NAME])
            reached = places.get(OrdersModel.name, 0)
            lost = reached - await head(connection)
            if lost > 0:
                self._at_end, self._sums = True, []
                return [Finding("ledger", "events", "missing", lost)]
            looked = await self._rows.look(connection, after, asked.last, reached, self._batch)
            part = looked.part
            told = (one for one in part.events if one.position <= places.get(tiles.NAME, 0))
            tiled = max((one.sequence for one in told), default=after)
            of_tiles = await self._tiles(after, tiled)
        found: list[Finding] = []
        end = asked.last if part.ended else part.last
        if looked.findings:
            found += await self._rows_again(after, end, heal, beside)
        if of_tiles:
            found += await self._tiles_again(part, after, tiled, heal, beside)
        self.place, self._at_end = part.last, part.ended
        return found

    async def _rows_again(
        self, after: int, end: int, heal: bool, beside: Beside | None
    ) -> list[Finding]:
        looked: list[Looked] = []

        async def look(up_to: int) -> list[Finding]:
            limit = self._batch if end == self._asked.last else end - after
            looked[:] = [await self._rows.look(self._connection, after, end, up_to, limit)]
            return looked[0].findings

        async def put_right(_: Sequence[Finding]) -> list[Finding]:
            return await self._rows.put_right(self._connection, looked[0])

        return await self._confirmed(OrdersModel.name, look, put_right if heal else None, beside)

    async def _tiles(self, after: int, last: int) -> list[Finding]:
        return await tiles.differing(self._connection, self._asked.tenant_id, after, last)

    async def _tiles_again(
        self, part: Part, after: int, last: int, heal: bool, beside: Beside | None
    ) -> list[Finding]:
        async def look(_: int) -> list[Finding]:
            return await self._tiles(after, last)

        async def put_right(found: Sequence[Finding]) -> list[Finding]:
            await tiles.make(self._connection, part)
            left = [(one.table, one.sequence, one.what) for one in await self._tiles(after, last)]
            return [
                replace(one, healed=(one.table, one.sequence, one.what) not in left)
                for one in found
            ]

        can = heal and tiles.can_be_made(part)
        return await self._confirmed(tiles.NAME, look, put_right if can else None, beside)

    async def _hold_totals(self, heal: bool, beside: Beside | None) -> list[Finding]:
        """What follows from all events of the tenant together."""
        found = await self._strangers(heal, beside)
        for sums in self._sums:
            while not await self._add_one(sums, NO_END):
                pass
            async with self._connection.transaction():
                await self._connection.execute(_SNAPSHOT)
                differs = await sums.look(
                    self._connection, await self._place(sums.name), self._batch
                )
            if differs:
                found += await self._sums_again(sums, heal, beside)
        return found

    async def _sums_again(self, sums: Sums, heal: bool, beside: Beside | None) -> list[Finding]:
        async def look(up_to: int) -> list[Finding]:
            return await sums.look(self._connection, up_to, self._batch)

        async def put_right(found: Sequence[Finding]) -> list[Finding]:
            await sums.put_right(self._connection, found)
            return [replace(one, healed=True) for one in found]

        return await self._confirmed(sums.name, look, put_right if heal else None, beside)

    async def _strangers(self, heal: bool, beside: Beside | None) -> list[Finding]:
        connection, tenant_id = self._connection, self._asked.tenant_id
        if not await strangers.strangers(connection, tenant_id):
            return []
        there: list[str] = []

        async def look(_: int) -> list[Finding]:
            there[:] = await strangers.strangers(connection, tenant_id)
            return strangers.as_findings(there)

        async def put_right(found: Sequence[Finding]) -> list[Finding]:
            await strangers.remove(connection, tenant_id, there)
            return [replace(one, healed=True) for one in found]

        return await self._confirmed(OrdersModel.name, look, put_right if heal else None, beside)

    async def _confirmed(
        self,
        model: str,
        look: Callable[[int], Awaitable[list[Finding]]],
        put_right: Callable[[Sequence[Finding]], Awaitable[list[Finding]]] | None,
        beside: Beside | None,
    ) -> list[Finding]:
        """What differs while the model stands still, and, with put_right, is healed."""
        found: list[Finding] = []
        try:
            async with self._connection.transaction():
                cursor = await self._connection.execute(_LOCK, (model,))
                (up_to,) = await cursor.fetchone() or (0,)
                found = await look(up_to)
                if not found or put_right is None:
                    return found
                after = await put_right(found)
                if beside is not None:
                    await self._note(beside([one for one in after if one.healed]))
                return after
        except psycopg.errors.IntegrityError:  # as where an order's first event cannot be taken in
            return found

    async def _note(self, statement: Statement) -> None:
        text, parameters = statement
        if (await self._connection.execute(text.encode(), parameters)).rowcount == 0:
            raise Cancelled

    async def _add_up(self, some: Sequence[Sums]) -> None:
        for sums in some:
            await self._add_one(sums, self.place)

    async def _add_one(self, sums: Sums, end: int) -> bool:
        async with self._connection.transaction():
            up_to = await self._place(sums.name)
            return await sums.add(self._connection, end, up_to, self._batch)

    async def _place(self, model: str) -> int:
        return (await positions(self._connection, [model])).get(model, 0)
