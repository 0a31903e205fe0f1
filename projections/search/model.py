"""The part of the orders read model that finds events: their rows with terms, the identifiers, the
counts by hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from domain.search.calendar import DAY_US, HOUR_US
from infrastructure.postgres.arrays import (
    BigintColumn,
    Column,
    HashesColumn,
    NullableBigintColumn,
    TextColumn,
    copy_rows,
)
from infrastructure.postgres.order_tables import order_events
from infrastructure.postgres.search_tables import (
    event_counts,
    event_days,
    event_hours,
    idents,
    search_key,
)
from projections.reading import Connection, Notification
from projections.search.entries import Entry, Indexing
from projections.search.key import claim, claim_sql

TABLES = (order_events, idents, event_counts, event_days, event_hours, search_key)

_EVENT_COLUMNS = (
    "tenant_id, sequence, position, order_id, type, source, actor_id, occurred_us, amount_minor,"
    " currency, terms"
)


class EventRows:
    """Writes into the tables whose names end in `suffix`."""

    def __init__(self, indexing: Indexing, suffix: str = "") -> None:
        self.indexing = indexing
        self._claim = claim_sql(suffix)
        self._copy = f"copy order_events{suffix} ({_EVENT_COLUMNS}) from stdin (format binary)"
        self._add_idents = add_idents_sql(suffix)
        self._count_hours = _count_sql("event_counts", "hour_us", suffix)
        self._count_days = _count_sql("event_days", "day_us", suffix)
        self._span = _span_sql(suffix)

    async def add(self, connection: Connection, events: Sequence[Notification]) -> None:
        """Add events that are not there yet, their orders and actors being there.

        Raises IndexKeyDiffers, and KeyUnavailable while the key store does not answer.
        """
        await claim(connection, self._claim, self.indexing.fingerprint)
        entries = await self.indexing.entries(connection, events)
        async with connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            await copy.write(_rows(events, entries))
        await add_idents(connection, self._add_idents, events, entries)
        hours = _counted(events, entries)
        await connection.execute(self._count_hours, _count_columns(hours), binary=True)
        await connection.execute(self._count_days, _count_columns(_by_day(hours)), binary=True)
        await connection.execute(self._span, _span_columns(events), binary=True)


def add_idents_sql(suffix: str) -> str:
    """Adds identifiers that are not there yet."""
    return f"""
insert into idents{suffix} (tenant_id, value)
select * from unnest(%s::text[], %s::text[]) on conflict do nothing"""


async def add_idents(
    connection: Connection,
    statement: str,
    events: Iterable[Notification],
    entries: Iterable[Entry],
) -> None:
    """Add the identifiers of events that are not there yet."""
    named = zip(events, entries, strict=True)
    found = sorted({(event.tenant_id, value) for event, entry in named for value in entry.idents})
    if found:
        columns = TextColumn([tenant for tenant, _ in found]), TextColumn([one for _, one in found])
        await connection.execute(statement, columns, binary=True)


def _rows(events: Sequence[Notification], entries: Sequence[Entry]) -> bytes:
    columns: tuple[Column, ...] = (
        TextColumn([event.tenant_id for event in events]),
        BigintColumn([event.sequence for event in events]),
        BigintColumn([event.position for event in events]),
        TextColumn([event.order_id for event in events]),
        TextColumn([event.type for event in events]),
        TextColumn([event.source for event in events]),
        TextColumn([event.actor_id for event in events]),
        BigintColumn([event.occurred_us for event in events]),
        NullableBigintColumn([entry.amount_minor for entry in entries]),
        TextColumn([entry.currency for entry in entries]),
        HashesColumn([entry.terms for entry in entries]),
    )
    return copy_rows(*columns)


class _Count(Struct, gc=False):
    events: int = 0
    amount_minor: int = 0
    amounts: int = 0

    def add(self, events: int, amount_minor: int, amounts: int) -> None:
        self.events += events
        self.amount_minor += amount_minor
        self.amounts += amounts


_Group = tuple[str, int, str, str, str]
"""(tenant, beginning of the hour or day, type, source, currency)."""

_Counts = dict[_Group, _Count]


def _counted(events: Iterable[Notification], entries: Iterable[Entry]) -> _Counts:
    counts: _Counts = {}
    for event, entry in zip(events, entries, strict=True):
        hour = event.occurred_us - event.occurred_us % HOUR_US
        group = event.tenant_id, hour, event.type, event.source, entry.currency or ""
        amount = entry.amount_minor
        count = counts.get(group) or counts.setdefault(group, _Count())
        count.add(1, amount or 0, int(amount is not None))
    return counts


def _by_day(hours: _Counts) -> _Counts:
    counts: _Counts = {}
    for (tenant, hour, *of), one in hours.items():
        group = tenant, hour - hour % DAY_US, of[0], of[1], of[2]
        count = counts.get(group) or counts.setdefault(group, _Count())
        count.add(one.events, one.amount_minor, one.amounts)
    return counts


def _count_columns(by_group: _Counts) -> list[Column]:
    counts = sorted(by_group.items(), key=lambda item: item[0])
    groups = [group for group, _ in counts]
    return [
        TextColumn([group[0] for group in groups]),
        BigintColumn([group[1] for group in groups]),
        *(TextColumn([str(group[at]) for group in groups]) for at in (2, 3, 4)),
        BigintColumn([count.events for _, count in counts]),
        TextColumn([str(count.amount_minor) for _, count in counts]),  # may be beyond a bigint
        BigintColumn([count.amounts for _, count in counts]),
    ]


def _span_columns(events: Iterable[Notification]) -> list[Column]:
    spans: dict[tuple[str, int], tuple[int, int]] = {}
    for event in events:
        hour = event.tenant_id, event.occurred_us - event.occurred_us % HOUR_US
        first, _ = spans.get(hour, (event.sequence, 0))
        spans[hour] = first, event.sequence  # they come in the order of sequences
    found = sorted(spans.items())
    return [
        TextColumn([tenant for (tenant, _), _ in found]),
        BigintColumn([hour for (_, hour), _ in found]),
        BigintColumn([first for _, (first, _) in found]),
        BigintColumn([last for _, (_, last) in found]),
    ]


def _span_sql(suffix: str) -> str:
    return f"""
insert into event_hours{suffix} as h (tenant_id, hour_us, first_sequence, last_sequence)
select * from unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[])
    on conflict (tenant_id, hour_us) do update
       set first_sequence = least(h.first_sequence, excluded.first_sequence),
           last_sequence = greatest(h.last_sequence, excluded.last_sequence)"""


def _count_sql(table: str, start: str, suffix: str) -> str:
    names = f"tenant_id, {start}, type, source, currency, events, amount_minor, amounts"
    return f"""
insert into {table}{suffix} as c ({names})
select {names.replace("amount_minor", "amount_minor::numeric")}
  from unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[],
              %s::text[], %s::bigint[]) as n({names})
    on conflict (tenant_id, {start}, type, source, currency) do update
       set events = c.events + excluded.events,
           amount_minor = c.amount_minor + excluded.amount_minor,
           amounts = c.amounts + excluded.amounts"""
