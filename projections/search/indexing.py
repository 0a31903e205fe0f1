"""Makes the index of a range of events anew where it stands, while it is used and grows.

For what has changed outside the ledger: values are disclosed no more, or terms are made otherwise.
Counts follow from the ledger alone; they, and identifiers that nothing names any more, are put
right by a rebuild.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct

from domain.errors import Conflict
from projections.reading import Connection, Notification, decode_batch
from projections.search.entries import Entry, Indexing
from projections.search.key import require_key
from projections.search.model import add_idents, add_idents_sql

Progress = Callable[[int, int], None]
Beside = Callable[["Differences", int], Awaitable[None]]
"""Given what has differed so far and the last sequence that was looked at, awaited in the
transaction that changes these rows: what it raises undoes them."""

_BATCH = 500
# Nothing can be added to the model meanwhile, nor can a rebuild put another in its place: what is
# added after this is made of what was there after this.
_STAND_STILL = "select position from tracking where model = 'orders' for share"
_PLACE = "select position from tracking where model = 'orders'"
READ = """
select position, tenant_id, sequence, originator_id, originator_version, received_us, topic, state
  from events
 where tenant_id = %s and sequence > %s and sequence <= %s and position <= %s
 order by sequence limit %s
"""
READ_THESE = """
select position, tenant_id, sequence, originator_id, originator_version, received_us, topic, state
  from events
 where tenant_id = %s and sequence = any(%s::bigint[]) and position <= %s
 order by sequence
"""
READ_ROWS = """
select sequence, terms, amount_minor, currency
  from order_events where tenant_id = %s and sequence = any(%s::bigint[])
"""
CHANGE = """
update order_events e set terms = r.terms, amount_minor = r.amount_minor, currency = r.currency
  from json_to_recordset(%s::json)
    as r(sequence bigint, terms bigint[], amount_minor bigint, currency text)
 where e.tenant_id = %s and e.sequence = r.sequence
"""
_ADD_IDENTS = add_idents_sql("")
# The lock of a rebuild, shared: its tables would keep what this takes away.
_LOCK = "select pg_try_advisory_lock_shared(hashtextextended('rebuild ' || current_schema(), 0))"
_UNLOCK = "select pg_advisory_unlock_shared(hashtextextended('rebuild ' || current_schema(), 0))"


class Differences(Struct):
    """Of `events` that were looked at, how many rows differ; `first`: the sequence of the first."""

    events: int = 0
    differing: int = 0
    first: int | None = None


class _Part(Struct):
    """Some events with what the index is to hold of them, and what rows that differ should say."""

    events: Sequence[Notification]
    entries: Sequence[Entry]
    differing: Sequence[tuple[int, dict[str, object]]]
    last: int


def _silent(_done: int, _total: int) -> None:
    """No progress is shown."""


async def reindex(
    connection: Connection,
    indexing: Indexing,
    tenant_id: str,
    first_sequence: int,
    last_sequence: int,
    progress: Progress = _silent,
    beside: Beside | None = None,
) -> Differences:
    """Make the rows of a tenant's events anew, both ends included; what differed. Events that are
    not in the read model yet get there by themselves, of what is disclosed then.

    connection: in autocommit. progress: called with (events done, events in all). May be stopped
    at any point, and done again. Raises Conflict while a rebuild runs, IndexKeyDiffers, and
    KeyUnavailable while the key store does not answer.
    """
    found = Differences()
    async with _beside_no_rebuild(connection):
        after = first_sequence - 1
        while True:
            async with connection.transaction():
                await require_key(connection, indexing.fingerprint)
                place = await _value(connection, _STAND_STILL)
                part = await _read(connection, indexing, tenant_id, after, last_sequence, place)
                if part.last == after:
                    return found
                await _change(connection, tenant_id, part)
                _count(found, part)
                if beside is not None:
                    await beside(found, part.last)
            after = part.last
            progress(after - first_sequence + 1, last_sequence - first_sequence + 1)


async def reindex_these(
    connection: Connection, indexing: Indexing, tenant_id: str, sequences: Sequence[int]
) -> Differences:
    """As `reindex`, of the tenant's events with these sequences."""
    found = Differences()
    async with _beside_no_rebuild(connection):
        for start in range(0, len(sequences), _BATCH):
            some = list(sequences[start : start + _BATCH])
            async with connection.transaction():
                await require_key(connection, indexing.fingerprint)
                part = await _these(connection, indexing, tenant_id, some, _STAND_STILL)
                await _change(connection, tenant_id, part)
                _count(found, part)
    return found


async def check_these(
    connection: Connection, indexing: Indexing, tenant_id: str, sequences: Sequence[int]
) -> Differences:
    """As `check`, of the tenant's events with these sequences."""
    found = Differences()
    await require_key(connection, indexing.fingerprint)
    for start in range(0, len(sequences), _BATCH):
        some = list(sequences[start : start + _BATCH])
        _count(found, await _these(connection, indexing, tenant_id, some, _PLACE))
    return found


async def check(
    connection: Connection,
    indexing: Indexing,
    tenant_id: str,
    first_sequence: int,
    last_sequence: int,
) -> Differences:
    """What `reindex` would change, without changing it. Raises as `reindex`, but no Conflict."""
    found = Differences()
    after = first_sequence - 1
    await require_key(connection, indexing.fingerprint)
    while True:
        place = await _value(connection, _PLACE)
        part = await _read(connection, indexing, tenant_id, after, last_sequence, place)
        if part.last == after:
            return found
        _count(found, part)
        after = part.last


async def _read(
    connection: Connection,
    indexing: Indexing,
    tenant_id: str,
    after: int,
    last_sequence: int,
    place: int,
) -> _Part:
    """The next events up to a position, and which rows differ; rows that are not there do not."""
    parameters = tenant_id, after, last_sequence, place, _BATCH
    cursor = await connection.execute(READ, parameters, binary=True)
    return await _compared(connection, indexing, tenant_id, await cursor.fetchall(), after)


async def _these(
    connection: Connection,
    indexing: Indexing,
    tenant_id: str,
    sequences: list[int],
    place_sql: str,
) -> _Part:
    place = await _value(connection, place_sql)
    cursor = await connection.execute(READ_THESE, (tenant_id, sequences, place), binary=True)
    stored = await cursor.fetchall()
    return await _compared(connection, indexing, tenant_id, stored, sequences[-1])


async def _compared(
    connection: Connection,
    indexing: Indexing,
    tenant_id: str,
    stored: Sequence[tuple[Any, ...]],
    after: int,
) -> _Part:
    """Stored events and which of their rows differ. after: the part's last sequence where nothing
    is stored."""
    events = decode_batch(0, stored).events
    entries = await indexing.entries(connection, events)
    sequences = [event.sequence for event in events]
    cursor = await connection.execute(READ_ROWS, (tenant_id, sequences), binary=True)
    names = "terms", "amount_minor", "currency"
    rows = {
        sequence: dict(zip(names, row, strict=True)) for sequence, *row in await cursor.fetchall()
    }
    wanted = dict(zip(sequences, map(_columns, entries), strict=True))
    differing = [
        (sequence, columns)
        for sequence, columns in wanted.items()
        if rows.get(sequence, columns) != columns
    ]
    return _Part(events, entries, differing, stored[-1][2] if stored else after)


async def _change(connection: Connection, tenant_id: str, part: _Part) -> None:
    if part.differing:
        rows = [{"sequence": sequence, **columns} for sequence, columns in part.differing]
        await connection.execute(CHANGE, (msgspec.json.encode(rows).decode(), tenant_id))
    await add_idents(connection, _ADD_IDENTS, part.events, part.entries)


def _columns(entry: Entry) -> dict[str, object]:
    return {
        "terms": [int.from_bytes(term, signed=True) for term in entry.terms],
        "amount_minor": entry.amount_minor,
        "currency": entry.currency,
    }


def _count(found: Differences, part: _Part) -> None:
    found.events += len(part.events)
    found.differing += len(part.differing)
    if found.first is None and part.differing:
        found.first = part.differing[0][0]


async def _value(connection: Connection, query: str) -> Any:
    row = await (await connection.execute(query.encode())).fetchone()
    return row[0] if row else 0


@asynccontextmanager
async def _beside_no_rebuild(connection: Connection) -> AsyncIterator[None]:
    if not await _value(connection, _LOCK):
        raise Conflict("a rebuild of this cell is running: reindex when it has ended")
    try:
        yield
    finally:
        if not connection.closed:
            await connection.execute(_UNLOCK)
