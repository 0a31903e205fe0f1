"""What is added up of events: counts by hour and by day, of values in some fields by day, and
between which sequences the events of an hour are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from domain.search.calendar import DAY_US, HOUR_US
from domain.search.counted import COUNTED, Counted, counted
from infrastructure.postgres.arrays import BigintColumn, Column, TextColumn
from projections.reading import Connection, Notification
from projections.search.entries import Entry


class Counts:
    """Adds to the tables whose names end in `suffix`; to those in DERIVED only if it `derives`."""

    def __init__(self, suffix: str, *, derives: bool = True) -> None:
        self._derives = derives
        self._hours = _count_sql("event_counts", "hour_us", suffix)
        self._days = _count_sql("event_days", "day_us", suffix)
        self._values = _values_sql(suffix)
        self._spans = _spans_sql(suffix)

    async def add(
        self, connection: Connection, events: Sequence[Notification], entries: Sequence[Entry]
    ) -> None:
        """Add events that were not counted yet."""
        values = _values(events)
        if values:
            await connection.execute(self._values, _value_columns(values), binary=True)
        if not self._derives:
            return
        hours = _counted(events, entries)
        await connection.execute(self._hours, _count_columns(hours), binary=True)
        await connection.execute(self._days, _count_columns(_by_day(hours)), binary=True)
        await connection.execute(self._spans, _span_columns(events), binary=True)


_Group = tuple[str, int, str, str, str]
"""(tenant, beginning of the hour or day, type, source, currency)."""

_Counts = dict[_Group, list[int]]
"""Events, the sum of their amounts, and how many have one."""


def _counted(events: Iterable[Notification], entries: Iterable[Entry]) -> _Counts:
    counts: _Counts = {}
    for event, entry in zip(events, entries, strict=True):
        hour = event.occurred_us - event.occurred_us % HOUR_US
        group = event.tenant_id, hour, event.type, event.source, entry.currency or ""
        count = counts.get(group)
        if count is None:
            count = counts[group] = [0, 0, 0]
        count[0] += 1
        if entry.amount_minor is not None:
            count[1] += entry.amount_minor
            count[2] += 1
    return counts


def _by_day(hours: _Counts) -> _Counts:
    counts: _Counts = {}
    for (tenant, hour, kind, source, currency), one in hours.items():
        group = tenant, hour - hour % DAY_US, kind, source, currency
        count = counts.get(group)
        counts[group] = one if count is None else [a + b for a, b in zip(count, one, strict=True)]
    return counts


def _count_columns(by_group: _Counts) -> list[Column]:
    counts = sorted(by_group.items())
    return [
        TextColumn([group[0] for group, _ in counts]),
        BigintColumn([group[1] for group, _ in counts]),
        TextColumn([group[2] for group, _ in counts]),
        TextColumn([group[3] for group, _ in counts]),
        TextColumn([group[4] for group, _ in counts]),
        BigintColumn([count[0] for _, count in counts]),
        TextColumn([str(count[1]) for _, count in counts]),  # may be beyond a bigint
        BigintColumn([count[2] for _, count in counts]),
    ]


_Day = tuple[str, int]
"""(tenant, beginning of the day)."""

_Values = dict[tuple[_Day, Counted], int]


def _values(events: Iterable[Notification]) -> _Values:
    """How many events of orders have each value, and how many have none."""
    values: _Values = {}
    totals: dict[_Day, int] = {}
    having: dict[tuple[_Day, str], int] = {}
    for event in events:
        if event.order_id is None:
            continue
        day = event.tenant_id, event.occurred_us - event.occurred_us % DAY_US
        totals[day] = totals.get(day, 0) + 1
        for one in counted(event.actor_id, event.payload):
            values[day, one] = values.get((day, one), 0) + 1
            having[day, one[0]] = having.get((day, one[0]), 0) + 1
    values.update(_none(totals, having))
    return values


def _none(
    totals: dict[_Day, int], having: dict[tuple[_Day, str], int]
) -> Iterator[tuple[tuple[_Day, Counted], int]]:
    for day, total in totals.items():
        for name in COUNTED:
            if without := total - having.get((day, name), 0):
                yield (day, (name, "none", "")), without


def _value_columns(by_value: _Values) -> list[Column]:
    values = sorted(by_value.items())
    return [
        TextColumn([tenant for ((tenant, _), _), _ in values]),
        TextColumn([field for (_, (field, _, _)), _ in values]),
        BigintColumn([day for ((_, day), _), _ in values]),
        TextColumn([kind for (_, (_, kind, _)), _ in values]),
        TextColumn([value for (_, (_, _, value)), _ in values]),
        BigintColumn([events for _, events in values]),
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


def _values_sql(suffix: str) -> str:
    return f"""
insert into event_values{suffix} as v (tenant_id, field, day_us, kind, value, events)
select * from unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::bigint[])
    on conflict (tenant_id, field, day_us, kind, value) do update
       set events = v.events + excluded.events"""


def _spans_sql(suffix: str) -> str:
    return f"""
insert into event_hours{suffix} as h (tenant_id, hour_us, first_sequence, last_sequence)
select * from unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[])
    on conflict (tenant_id, hour_us) do update
       set first_sequence = least(h.first_sequence, excluded.first_sequence),
           last_sequence = greatest(h.last_sequence, excluded.last_sequence)"""


def _start(column: str, length: int) -> str:
    """Of the stretch that a time is in, also of one before 1970: `%` of SQL has the time's sign."""
    return f"{column} - ({column} % {length} + {length}) % {length}"


def _derive_hours(suffix: str) -> str:
    return f"""
insert into event_counts{suffix}
select tenant_id, {_start("occurred_us", HOUR_US)}, type, source, coalesce(currency, ''),
       count(*), coalesce(sum(amount_minor), 0), count(amount_minor)
  from order_events{suffix} group by 1, 2, 3, 4, 5"""


def _derive_days(suffix: str) -> str:
    return f"""
insert into event_days{suffix}
select tenant_id, {_start("hour_us", DAY_US)}, type, source, currency,
       sum(events), sum(amount_minor), sum(amounts)
  from event_counts{suffix} group by 1, 2, 3, 4, 5"""


def _derive_spans(suffix: str) -> str:
    return f"""
insert into event_hours{suffix}
select tenant_id, {_start("occurred_us", HOUR_US)}, min(sequence), max(sequence)
  from order_events{suffix} group by 1, 2"""


DERIVED = {
    "event_counts": _derive_hours,
    "event_days": _derive_days,
    "event_hours": _derive_spans,
}
"""Of all rows of `order_events`: while these are added batch by batch, a group is seldom met twice
in one, and each costs as much as an event."""
