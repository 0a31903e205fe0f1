"""What a read model is, and how one batch reaches it exactly once.

A model's rows and its place in the event store (`tracking`) change in one transaction, and only if
the place is still where the batch begins. So two hubs at once, a repeated batch or a commit whose
answer was lost cannot apply an event twice, whoever holds which lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import psycopg
import structlog
from sqlalchemy import Table

from domain.errors import Unavailable
from projections.reading import Batch, Broken, Connection, Notification

log = structlog.get_logger(__name__)


Derivation = Callable[[str], str]
"""The statement that fills an empty table, of the suffix of it and the tables it is made from."""


class ReadModel(Protocol):
    """Tables that follow the ledger."""

    @property
    def name(self) -> str:
        """As in `tracking` and on the command line."""
        ...

    @property
    def tables(self) -> Sequence[Table]:
        """The tables as defined, those referred to first."""
        ...

    @property
    def appended(self) -> frozenset[str]:
        """Those of them that `apply` only adds to: a rebuild loads these without any index."""
        ...

    @property
    def derived(self) -> Mapping[str, Derivation]:
        """Those of them that follow from the rows of the others: a rebuild makes these at once,
        from all rows, rather than by `apply`. In the order in which they are made."""
        ...

    def concerns(self, events: Sequence[Notification]) -> bool:
        """Whether `apply` would do anything with these. If not, the model's place alone is moved:
        in one trip to the database, where a transaction takes four."""
        ...

    async def apply(self, connection: Connection, events: Sequence[Notification]) -> None:
        """Take events in, in the order of positions, within the caller's transaction.

        However the events are cut into batches, the tables end up the same. May read the event
        store up to the last position given, never beyond.
        """
        ...

    def beside(self, suffix: str, *, derives: bool = True) -> ReadModel:
        """This model over tables whose names end in `suffix`. derives: whether `apply` adds to
        those in `derived` as well."""
        ...


class Overtaken(Exception):
    """The model is not where the batch begins: somebody else has moved it."""


_MOVE = "update tracking set position = %s, updated_us = %s where model = %s and position = %s"
_BURY = """
insert into dead_letters (model, position, tenant_id, sequence, error, failed_us)
values (%s, %s, %s, %s, %s, %s) on conflict (model, position) do nothing
"""
# Errors that one event's content can cause. Everything else (a lost connection, a full disk, a
# lock, a missing table) would fail for any event, and passes or is put right.
_DATA_ERRORS = ("21", "22", "23", "54")


async def apply_once(connection: Connection, model: ReadModel, batch: Batch) -> None:
    """Apply a batch and move the model to its end; events that cannot be applied are buried.

    Raises Overtaken, having changed nothing; and whatever the events are not to blame for, having
    applied the batch up to some position that `tracking` tells.
    """
    if not batch.broken and not model.concerns(batch.events):
        await _move(connection, model.name, batch)
        return
    try:
        async with connection.transaction():
            await _move(connection, model.name, batch)
            await model.apply(connection, batch.events)
            return
    except Exception as error:
        if not is_poison(error) or not batch.events:
            raise
        failure = type(error).__name__
    if len(batch.events) > 1:
        for half in batch.halves():
            await apply_once(connection, model, half)
        return
    culprit = batch.events[0]
    log.error("projection.dead_letter", model=model.name, position=culprit.position, error=failure)
    async with connection.transaction():
        await _move(connection, model.name, batch)
        await bury(connection, model.name, [as_broken(culprit, failure)])


async def _move(connection: Connection, name: str, batch: Batch) -> None:
    """First of all in the transaction: its row lock makes a second hub, or a rebuild's swap, wait
    before it holds anything that this one needs."""
    moved = await connection.execute(_MOVE, (batch.end, now_us(), name, batch.start))
    if moved.rowcount == 0:
        raise Overtaken(name)
    await bury(connection, name, batch.broken)


async def bury(connection: Connection, name: str, letters: Sequence[Broken]) -> None:
    """Note events that a model had to leave out. The error is a class name: no content."""
    for one in letters:
        values = (name, one.position, one.tenant_id, one.sequence, one.error, now_us())
        await connection.execute(_BURY, values)


def as_broken(event: Notification, failure: str) -> Broken:
    """The dead letter of an event."""
    return Broken(event.position, event.tenant_id, event.sequence, failure)


def is_poison(error: Exception) -> bool:
    """Whether an event, rather than the surroundings, may be to blame for an error."""
    if isinstance(error, Overtaken | Unavailable | OSError | MemoryError):
        return False
    if not isinstance(error, psycopg.Error):
        return True
    if error.sqlstate is None:  # found by psycopg itself, before or without the server
        return isinstance(error, psycopg.DataError | psycopg.ProgrammingError)
    return error.sqlstate[:2] in _DATA_ERRORS


def now_us() -> int:
    """This machine's clock, for what is noted about the projections themselves."""
    return time.time_ns() // 1000
