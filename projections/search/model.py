"""The part of the orders read model that finds events: their rows with terms, the identifiers, the
counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from infrastructure.postgres.arrays import (
    BigintColumn,
    BooleanColumn,
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
    event_values,
    idents,
    search_key,
)
from projections.reading import Connection, Notification
from projections.search.counting import Counts
from projections.search.entries import Entry, Indexing
from projections.search.key import claim, claim_sql

TABLES = (order_events, idents, event_counts, event_days, event_values, event_hours, search_key)

_EVENT_COLUMNS = (
    "tenant_id, sequence, position, order_id, type, source, actor_id, maintenance, occurred_us,"
    " amount_minor, currency, terms"
)


class EventRows:
    """Writes into the tables whose names end in `suffix`."""

    def __init__(self, indexing: Indexing, suffix: str = "", *, derives: bool = True) -> None:
        self.indexing = indexing
        self._claim = claim_sql(suffix)
        self._copy = f"copy order_events{suffix} ({_EVENT_COLUMNS}) from stdin (format binary)"
        self._add_idents = add_idents_sql(suffix)
        self._counts = Counts(suffix, derives=derives)

    async def add(self, connection: Connection, events: Sequence[Notification]) -> None:
        """Add events that are not there yet, their orders and actors being there.

        Raises IndexKeyDiffers, and KeyUnavailable while the key store does not answer.
        """
        await claim(connection, self._claim, self.indexing.fingerprint)
        entries = await self.indexing.entries(connection, events)
        async with connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            await copy.write(_rows(events, entries))
        await add_idents(connection, self._add_idents, events, entries)
        await self._counts.add(connection, events, entries)


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
        BooleanColumn([event.maintenance for event in events]),
        BigintColumn([event.occurred_us for event in events]),
        NullableBigintColumn([entry.amount_minor for entry in entries]),
        TextColumn([entry.currency for entry in entries]),
        HashesColumn([entry.terms for entry in entries]),
    )
    return copy_rows(*columns)
