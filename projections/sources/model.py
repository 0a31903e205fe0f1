"""The sources read model: what came last of each source, and which of its numbers have come.

A source may number its events in `metadata.source_sequence`. What has come of these numbers is kept
as ranges: an event in its turn lengthens one, an early one begins one, a late one closes a gap. So
the gaps are right in whatever order events arrive, and a source without one has a single row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Table

from infrastructure.postgres.watch_tables import source_ranges, sources
from projections.read_model import Derivation
from projections.reading import Connection, Notification
from projections.sources.ranges import Range, count, joined, ranges_of

NAME = "sources"
MINUTES = 60
"""How many minutes with an event a source's usual interval is made of."""

_MINUTE_US = 60_000_000
Key = tuple[str, str]
"""(tenant, source)."""


class _Seen(Struct):
    """What a batch holds of one source: a row of `sources`, as far as the batch goes."""

    tenant_id: str
    source: str
    events: int
    last_sequence: int
    last_us: int
    minutes: list[int]
    lowest: int | None = None
    highest: int | None = None
    numbered: int = 0


class SourcesModel:
    """Implements `projections.read_model.ReadModel`."""

    name = NAME
    tables: Sequence[Table] = (sources, source_ranges)
    appended: frozenset[str] = frozenset()
    derived: Mapping[str, Derivation] = {}

    def __init__(self, suffix: str = "") -> None:
        self._touched = _touched_sql(suffix)
        self._remove = _remove_sql(suffix)
        self._extend = _extend_sql(suffix)
        self._upsert = _upsert_sql(suffix)

    def beside(self, suffix: str, *, derives: bool = True) -> SourcesModel:
        return SourcesModel(suffix)

    def concerns(self, events: Sequence[Notification]) -> bool:
        return any(event.order_id is not None for event in events)

    async def apply(self, connection: Connection, events: Sequence[Notification]) -> None:
        seen, numbers = _look_at(events)
        if numbers:
            new = {key: ranges_of(given) for key, given in numbers.items()}
            for key, more in (await self._cover(connection, new)).items():
                one = seen[key]
                one.lowest, one.highest = new[key][0][0], new[key][-1][1]
                one.numbered = more
        if seen:
            rows = msgspec.json.encode([seen[key] for key in sorted(seen)]).decode()
            await connection.execute(self._upsert, (rows,))

    async def _cover(
        self, connection: Connection, new: Mapping[Key, Sequence[Range]]
    ) -> dict[Key, int]:
        """Add ranges to those that are there; how many numbers are new of each source."""
        cursor = await connection.execute(self._touched, _columns(_flat(new)), binary=True)
        known: dict[Key, list[Range]] = {key: [] for key in new}
        for tenant, source, low, high in await cursor.fetchall():
            known[tenant, source].append((low, high))
        merged = {key: joined([*known[key], *ranges]) for key, ranges in new.items()}
        gone = {
            key: [one for one in ranges if one[0] not in {low for low, _ in merged[key]}]
            for key, ranges in known.items()
        }
        if removed := list(_flat(gone)):
            await connection.execute(self._remove, _columns(removed)[:3], binary=True)
        await connection.execute(self._extend, _columns(_flat(merged)), binary=True)
        return {key: count(merged[key]) - count(known[key]) for key in new}


def _look_at(events: Iterable[Notification]) -> tuple[dict[Key, _Seen], dict[Key, list[int]]]:
    """What was seen of each source, and the numbers that it gave. The service's own acts are left
    out: nobody sent them."""
    groups: dict[Key, list[Notification]] = {}
    for event in events:
        if event.order_id is not None:
            groups.setdefault((event.tenant_id, event.source), []).append(event)
    numbers = {
        key: [one.source_sequence for one in group if one.source_sequence is not None]
        for key, group in groups.items()
    }
    seen = {key: _summed(key, group) for key, group in groups.items()}
    return seen, {key: given for key, given in numbers.items() if given}


def _summed(key: Key, group: Sequence[Notification]) -> _Seen:
    minutes = {event.received_us // _MINUTE_US for event in group}
    newest = group[-1]
    return _Seen(*key, len(group), newest.sequence, newest.received_us, sorted(minutes)[-MINUTES:])


def _flat(ranges: Mapping[Key, Sequence[Range]]) -> Iterable[tuple[str, str, int, int]]:
    for (tenant, source), some in ranges.items():
        for low, high in some:
            yield tenant, source, low, high


def _columns(rows: Iterable[tuple[str, str, int, int]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _touched_sql(suffix: str) -> str:
    """The ranges that overlap or touch new ones: those that begin within, and the one before. Each
    is found by the key, however many ranges a source has."""
    own = f"source_ranges{suffix} r where r.tenant_id = k.tenant_id and r.source = k.source"
    return f"""
select distinct k.tenant_id, k.source, t.low, t.high
  from unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[])
    as k(tenant_id, source, low, high)
 cross join lateral (
       (select r.low, r.high from {own} and r.low >= k.low and r.low <= k.high + 1)
       union all
       (select b.low, b.high
          from (select r.low, r.high from {own} and r.low < k.low order by r.low desc limit 1) as b
         where b.high >= k.low - 1)) as t"""


def _remove_sql(suffix: str) -> str:
    return f"""
delete from source_ranges{suffix} r
 using unnest(%s::text[], %s::text[], %s::bigint[]) as k(tenant_id, source, low)
 where r.tenant_id = k.tenant_id and r.source = k.source and r.low = k.low"""


def _extend_sql(suffix: str) -> str:
    return f"""
insert into source_ranges{suffix} (tenant_id, source, low, high)
select * from unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[])
    on conflict (tenant_id, source, low) do update set high = excluded.high"""


def _upsert_sql(suffix: str) -> str:
    return f"""
insert into sources{suffix} as s
       (tenant_id, source, events, last_sequence, last_us, minutes, lowest, highest, numbered)
select tenant_id, source, events, last_sequence, last_us, minutes, lowest, highest, numbered
  from json_to_recordset(%s::json) as r(
       tenant_id text, source text, events bigint, last_sequence bigint, last_us bigint,
       minutes bigint[], lowest bigint, highest bigint, numbered bigint)
    on conflict (tenant_id, source) do update
   set events = s.events + excluded.events,
       last_sequence = greatest(s.last_sequence, excluded.last_sequence),
       last_us = greatest(s.last_us, excluded.last_us),
       minutes = (select array_agg(minute order by minute)
                    from (select distinct minute
                            from unnest(s.minutes || excluded.minutes) as m(minute)
                           order by minute desc limit {MINUTES}) as newest),
       lowest = least(s.lowest, excluded.lowest),
       highest = greatest(s.highest, excluded.highest),
       numbered = s.numbered + excluded.numbered"""
