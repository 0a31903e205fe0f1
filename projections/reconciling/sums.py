"""Holding what a read model adds up over a whole tenant against the ledger.

The sums are made a second time along the walk, event by event, and compared where both are at the
same place; so the walk has to begin with the tenant's first event.
"""

from __future__ import annotations

from collections.abc import Collection

from application.maintenance.ports import NO_END, Finding
from projections.read_model import ReadModel
from projections.reading import Connection
from projections.reconciling.rows import counted
from projections.reconciling.scratch import Scratch
from projections.reconciling.source import letters_of, read_part

_ALL = "true"
_DELIVERED = "delete from dead_letters where model = %s and tenant_id = %s and position = any(%s)"


class Sums:
    """The sums of one model and tenant. beside: its tables that are no sums. retry: whether events
    that the model had to leave out are tried again. place: the sequence of the last event added."""

    def __init__(
        self, model: ReadModel, tenant_id: str, beside: Collection[str], *, retry: bool
    ) -> None:
        self.name = model.name
        self.place = 0
        self._tables = [
            table
            for table in model.tables
            if table.name not in beside and "tenant_id" in table.columns
        ]
        self._scratch = Scratch(model, "__sums", [table.name for table in self._tables])
        self._values = {"tenant": tenant_id}
        self._tenant_id = tenant_id
        self._retry = retry
        self._delivered: list[int] = []
        self._holds = True

    async def create(self, connection: Connection) -> None:
        """Before anything else on this connection."""
        await self._scratch.create(connection)

    async def add(self, connection: Connection, end: int, up_to: int, limit: int) -> bool:
        """Add the next events, not above the sequence `end` nor the position `up_to`, at most
        `limit`; whether there are no more."""
        part = await read_part(connection, self._tenant_id, self.place, end, up_to, limit)
        letters = await letters_of(connection, self.name, self._tenant_id)
        events = [one for one in part.events if self._retry or one.position not in letters]
        refused = {one.position for one in await self._scratch.apply(connection, events)}
        self._delivered += [one.position for one in events if one.position in letters - refused]
        if part.altered or part.missing or refused - letters:
            self._holds = False  # told of with the rows; there is nothing to compare with
        self.place = part.last
        return part.ended

    async def look(self, connection: Connection, up_to: int, limit: int) -> list[Finding]:
        """What differs, the model being at `up_to`; in a transaction that sees nothing newer."""
        while not await self.add(connection, NO_END, up_to, limit):
            pass
        if not self._holds:
            return []
        found: list[Finding] = []
        for table in self._tables:
            rows = await self._scratch.differing(connection, table, _ALL, self._values)
            found += counted(self.name, table.name, rows)
        return found

    async def put_right(self, connection: Connection, found: Collection[Finding]) -> None:
        """In the transaction in which that was found, the model standing still."""
        tables = {one.table for one in found}
        for table in self._tables:
            if table.name in tables:
                await self._scratch.remove(connection, table, _ALL, self._values)
                await self._scratch.put(connection, table, _ALL, self._values)
        parameters = self.name, self._tenant_id, self._delivered
        await connection.execute(_DELIVERED, parameters)
