"""A tenant's events as they are stored, for what is held against them.

Only an event whose bytes have the hash that was stored for them is a measure for anything: of the
others, and of gaps, the verifier and the self-audit tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from domain.ledger.hashing import entry
from projections.reading import Broken, Connection, Notification, decode_batch

_COLUMNS = """
position, tenant_id, sequence, originator_id, originator_version, received_us, topic, state, entry
"""
RANGE = f"""
select {_COLUMNS} from events
 where tenant_id = %s and sequence > %s and sequence <= %s and position <= %s
 order by sequence limit %s
"""
HISTORIES = f"""
select {_COLUMNS} from events
 where tenant_id = %s and originator_id = any(%s::uuid[]) and position <= %s
 order by position
"""
# Of orders that have come before: whether that was within what is looked at.
BEGUN_BEFORE = """
select e.originator_id
  from unnest(%s::uuid[], %s::int[]) as k(id, version)
  join events e on e.originator_id = k.id and e.originator_version = k.version - 1
 where e.tenant_id = %s and e.sequence > %s
"""
LETTERS = "select position from dead_letters where model = %s and tenant_id = %s"


class Stored(Struct):
    """Events in the order of positions. altered: their bytes do not have their hash; broken: no
    event. Neither is among the events; spoilt: the orders that they are of, or that lack one."""

    events: list[Notification]
    altered: list[Broken]
    broken: list[Broken]
    spoilt: set[UUID]


class Part(Stored):
    """The next events of a tenant behind a sequence. last: the sequence of the last; ended: there
    are no more. missing: the first sequence that is not there, though later ones are, and how many.
    """

    last: int = 0
    ended: bool = False
    missing: tuple[int, int] | None = None


async def read_part(  # a range, and how far it may be read
    connection: Connection, tenant_id: str, after: int, end: int, up_to: int, limit: int
) -> Part:
    """At most `limit` events with sequences above `after`, not above `end`, at positions not above
    `up_to`."""
    cursor = await connection.execute(RANGE, (tenant_id, after, end, up_to, limit), binary=True)
    rows = await cursor.fetchall()
    stored = _stored(rows)
    last = rows[-1][2] if rows else after
    gaps = last - after - len(rows)
    expected = range(after + 1, last + 1)
    first = next((one for one, row in zip(expected, rows, strict=False) if row[2] != one), 0)
    return Part(
        stored.events, stored.altered, stored.broken, stored.spoilt,
        last=last, ended=len(rows) < limit, missing=(first, gaps) if gaps else None,
    )  # fmt: skip


async def read_whole(
    connection: Connection, tenant_id: str, originators: Collection[UUID], up_to: int
) -> Stored:
    """All events of these orders up to a position."""
    if not originators:
        return Stored([], [], [], set())
    parameters = tenant_id, list(originators), up_to
    cursor = await connection.execute(HISTORIES, parameters, binary=True)
    rows = await cursor.fetchall()
    stored = _stored(rows)
    versions: dict[UUID, int] = {}
    for row in rows:
        if row[4] != versions.get(row[3], 0) + 1:
            stored.spoilt.add(row[3])
        versions[row[3]] = row[4]
    return stored


async def beginning(
    connection: Connection, tenant_id: str, events: Iterable[Notification], start: int
) -> set[UUID]:
    """The orders of which these hold the first event with a sequence above `start`."""
    firsts: dict[UUID, int] = {}
    for event in events:
        if event.order_id is not None:
            firsts.setdefault(event.originator_id, event.version)
    older = {one: version for one, version in firsts.items() if version > 1}
    if start == 0 or not older:
        return set(firsts) - set(older)
    parameters = list(older), list(older.values()), tenant_id, start
    cursor = await connection.execute(BEGUN_BEFORE, parameters)
    return set(firsts) - {one for (one,) in await cursor.fetchall()}


async def letters_of(connection: Connection, model: str, tenant_id: str) -> set[int]:
    """The positions of a model's dead letters."""
    cursor = await connection.execute(LETTERS, (model, tenant_id))
    return {position for (position,) in await cursor.fetchall()}


def _stored(rows: Sequence[tuple[Any, ...]]) -> Stored:
    sound = [row[:8] for row in rows if entry(row[7]) == row[8]]
    batch = decode_batch(0, sound)
    altered = [Broken(row[0], row[1], row[2], "") for row in rows if entry(row[7]) != row[8]]
    unfit = {one.position for one in (*altered, *batch.broken)}
    spoilt = {row[3] for row in rows if row[0] in unfit}
    return Stored(list(batch.events), altered, list(batch.broken), spoilt)
