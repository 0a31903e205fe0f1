"""A read model's tables a second time, as temporary tables of one connection.

What belongs into a read model is not written down here again: the model itself applies events to
these, and its own tables are held against them, row by row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table

from projections.read_model import ReadModel, is_poison
from projections.reading import Connection, Notification

Row = tuple[Any, ...]


class Scratch:
    """keep: names of tables that keep their rows from transaction to transaction; the others are
    emptied at the end of each."""

    def __init__(self, model: ReadModel, suffix: str, keep: Collection[str] = ()) -> None:
        self.suffix = suffix
        self._tables = model.tables
        self._keep = keep
        self._model = model.beside(suffix)

    async def create(self, connection: Connection) -> None:
        """Or empty them, if they are there. Outside of a transaction."""
        for table in self._tables:
            kept = "preserve" if table.name in self._keep else "delete"
            name, keys = table.name + self.suffix, ", ".join(_key(table))
            cursor = await connection.execute("select to_regclass(%s)", (f"pg_temp.{name}",))
            if (await cursor.fetchone() or (None,))[0] is None:
                await connection.execute(
                    f"create temporary table {name} (like {table.name} including defaults,"
                    f" primary key ({keys})) on commit {kept} rows".encode()
                )
            elif kept == "preserve":
                await connection.execute(f"truncate {name}".encode())

    async def apply(
        self, connection: Connection, events: Sequence[Notification]
    ) -> list[Notification]:
        """Within the caller's transaction; the events that cannot be applied, which are left out.
        events: in the order of positions."""
        if not events:
            return []
        try:
            async with connection.transaction():
                await self._model.apply(connection, events)
        except Exception as error:
            if not is_poison(error):
                raise
        else:
            return []
        if len(events) == 1:
            return list(events)
        middle = len(events) // 2
        refused = await self.apply(connection, events[:middle])
        return refused + await self.apply(connection, events[middle:])

    # -- holding the model's tables against these --------------------------------------------

    async def differing(
        self, connection: Connection, table: Table, narrowed: str, values: Mapping[str, object]
    ) -> list[Row]:
        """(the rest of the key behind the tenant, whether it is missing, whether it is unknown) of
        each row that differs."""
        cursor = await connection.execute(_differing(table, self.suffix, narrowed).encode(), values)
        return await cursor.fetchall()

    async def put(
        self, connection: Connection, table: Table, narrowed: str, values: Mapping[str, object]
    ) -> None:
        """Add what is missing, and change what is wrong."""
        await connection.execute(_put(table, self.suffix, narrowed).encode(), values)

    async def add(
        self, connection: Connection, table: Table, narrowed: str, values: Mapping[str, object]
    ) -> list[Row]:
        """Add what is missing; the rest of the key of these rows."""
        text = _put(table, self.suffix, narrowed, change=False)
        return await (await connection.execute(text.encode(), values)).fetchall()

    async def lacking(
        self, connection: Connection, table: Table, narrowed: str, values: Mapping[str, object]
    ) -> int:
        """How many rows are missing."""
        cursor = await connection.execute(_lacking(table, self.suffix, narrowed).encode(), values)
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def remove(
        self, connection: Connection, table: Table, narrowed: str, values: Mapping[str, object]
    ) -> None:
        """Delete what is unknown."""
        await connection.execute(_remove(table, self.suffix, narrowed).encode(), values)


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _same(table: Table) -> str:
    return " and ".join(f"a.{name} = b.{name}" for name in _key(table))


@cache
def _differing(table: Table, suffix: str, narrowed: str) -> str:
    keys = _key(table)
    where = f"where tenant_id = %(tenant)s and {narrowed}"
    return f"""
select {", ".join(f"coalesce(a.{name}, b.{name})" for name in keys[1:])},
       b.tenant_id is null, a.tenant_id is null
  from (select * from {table.name}{suffix} {where}) as a
  full join (select * from {table.name} {where}) as b on {_same(table)}
 where a is distinct from b
 order by 1"""


@cache
def _put(table: Table, suffix: str, narrowed: str, *, change: bool = True) -> str:
    names = [column.name for column in table.columns]
    keys = _key(table)
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    does = f"update set {changes}" if change and changes else "nothing"
    return f"""
insert into {table.name} ({", ".join(names)})
select {", ".join(names)} from (
  select * from {table.name}{suffix} where tenant_id = %(tenant)s and {narrowed}) as a
 where not exists (
       select 1 from (select * from {table.name} where tenant_id = %(tenant)s) as b
        where {_same(table)} {"and a is not distinct from b" if change else ""})
    on conflict ({", ".join(keys)}) do {does}
returning {", ".join(keys[1:])}"""


@cache
def _lacking(table: Table, suffix: str, narrowed: str) -> str:
    return f"""
select count(*) from {table.name}{suffix} as a
 where tenant_id = %(tenant)s and {narrowed}
   and not exists (select 1 from {table.name} as b where {_same(table)})"""


@cache
def _remove(table: Table, suffix: str, narrowed: str) -> str:
    return f"""
delete from {table.name} as b
 where tenant_id = %(tenant)s and {narrowed}
   and not exists (select 1 from {table.name}{suffix} as a where {_same(table)})"""
