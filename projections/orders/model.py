"""The orders read model: orders, their events and the actors, linked by foreign keys.

Events are written with what makes them findable, by `projections/search/model.py`.

An order's row is the fold of its events, cut down to columns. An event that comes in order moves
the row on by itself; a late event, a correction, or any event of an order in which a correction
waits for its original, folds the order anew from the event store. Both give the same row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from infrastructure.postgres.order_tables import actors, audit_log, order_events, orders
from projections.audit.rows import AuditRows
from projections.orders.lives import ActorRow, Life, OrderRow
from projections.reading import Connection, Notification, read_histories
from projections.search import model as search
from projections.search.counting import DERIVED
from projections.search.entries import Indexing

NAME = "orders"
_ORDERS_AT_ONCE = 200


class OrdersModel:
    """Implements `projections.read_model.ReadModel`."""

    name = NAME
    tables = (actors, orders, *search.TABLES, audit_log)
    appended = frozenset({order_events.name, audit_log.name})
    derived = DERIVED

    def __init__(self, indexing: Indexing, suffix: str = "", *, derives: bool = True) -> None:
        self._indexing = indexing
        self._events = search.EventRows(indexing, suffix, derives=derives)
        self._audit = AuditRows(suffix)
        self._load = _load_sql(suffix)
        self._upsert_orders = _upsert_orders_sql(suffix)
        self._upsert_actors = _upsert_actors_sql(suffix)

    def beside(self, suffix: str, *, derives: bool = True) -> OrdersModel:
        return OrdersModel(self._indexing, suffix, derives=derives)

    def concerns(self, events: Sequence[Notification]) -> bool:
        return bool(events)

    async def apply(self, connection: Connection, events: Sequence[Notification]) -> None:
        if not events:
            return
        lives, takes = _begin(events)
        await self._recall(connection, lives)
        for life, event in takes:
            life.take(event)
        await _relive(connection, lives, events[-1].position)
        await self._write(connection, lives.values(), _acts(events))
        await self._events.add(connection, events)
        await self._audit.add(connection, events)

    async def _recall(self, connection: Connection, lives: Mapping[UUID, Life]) -> None:
        """Give the orders the rows that they have."""
        # Version 1 is an order's first event: nothing can be there yet.
        known = {
            (one.row.tenant_id, one.row.order_id): one for one in lives.values() if one.since > 1
        }
        if known:
            keys = [tenant for tenant, _ in known], [order_id for _, order_id in known]
            cursor = await connection.execute(self._load, keys, binary=True)
            for values in await cursor.fetchall():
                row = OrderRow(*values)
                known[row.tenant_id, row.order_id].row = row

    async def _write(
        self, connection: Connection, lives: Iterable[Life], acts: Iterable[ActorRow]
    ) -> None:
        """Actors and orders first: the events refer to them."""
        rows = {
            self._upsert_actors: sorted(acts, key=lambda row: (row.tenant_id, row.actor_id)),
            self._upsert_orders: [life.finish() for life in lives],
        }
        for text, values in rows.items():
            if values:
                await connection.execute(text, (msgspec.json.encode(values).decode(),))


def _begin(
    events: Sequence[Notification],
) -> tuple[dict[UUID, Life], list[tuple[Life, Notification]]]:
    """The orders that the events are about, and each event with its order."""
    lives: dict[UUID, Life] = {}
    takes: list[tuple[Life, Notification]] = []
    for event in events:
        if event.order_id is not None:
            life = lives.get(event.originator_id)
            if life is None:
                life = lives[event.originator_id] = Life.begin(event)
            takes.append((life, event))
    return lives, takes


def _acts(events: Sequence[Notification]) -> Iterable[ActorRow]:
    """What each actor did in these events."""
    acts: dict[tuple[str, str], ActorRow] = {}
    for event in events:
        if event.actor_id is None:
            continue
        key = event.tenant_id, event.actor_id
        actor = acts.get(key)
        if actor is None:
            actor = acts[key] = ActorRow(*key, None, 0, event.occurred_us, event.occurred_us)
        actor.take(event)
    return acts.values()


async def _relive(connection: Connection, lives: Mapping[UUID, Life], up_to: int) -> None:
    """Fold anew, from the event store up to a position, the orders that need it."""
    ids = [one for one, life in lives.items() if life.needs_history]
    for start in range(0, len(ids), _ORDERS_AT_ONCE):
        histories = await read_histories(connection, ids[start : start + _ORDERS_AT_ONCE], up_to)
        for one, history in histories.items():
            lives[one].relive(history)


def _load_sql(suffix: str) -> str:
    columns = ", ".join(f"o.{name}" for name in OrderRow.__struct_fields__)
    return f"""
select {columns}
  from unnest(%s::text[], %s::text[]) as k(tenant_id, order_id)
  join orders{suffix} o on o.tenant_id = k.tenant_id and o.order_id = k.order_id"""


def _upsert_orders_sql(suffix: str) -> str:
    names = [column.name for column in orders.columns]
    changes = ", ".join(
        f"{name} = excluded.{name}"
        for name in names
        if name not in ("tenant_id", "order_id", "created_us")
    )
    return f"""
insert into orders{suffix} ({", ".join(names)})
select {", ".join(names)} from json_to_recordset(%s::json) as r({_typed(orders)})
    on conflict (tenant_id, order_id) do update set {changes}"""


def _upsert_actors_sql(suffix: str) -> str:
    names = ", ".join(column.name for column in actors.columns)
    return f"""
insert into actors{suffix} as a ({names})
select {names} from json_to_recordset(%s::json) as r({_typed(actors)})
    on conflict (tenant_id, actor_id) do update
       set actor_type = coalesce(excluded.actor_type, a.actor_type),
           events = a.events + excluded.events,
           first_us = least(a.first_us, excluded.first_us),
           last_us = greatest(a.last_us, excluded.last_us)"""


def _typed(table: Table) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy says no types here
    return ", ".join(f"{one.name} {one.type.compile(dialect=dialect)}" for one in table.columns)
