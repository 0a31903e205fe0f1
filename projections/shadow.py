"""Shadow tables: a read model's tables a second time, filled beside the ones in use.

They become the tables in use by name alone, so that indexes, keys and rights end up as they were.
All DDL comes from the table definitions; nothing here knows a model.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ForeignKeyConstraint, Index, MetaData, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.sql.schema import ColumnCollectionConstraint

from projections.read_model import ReadModel
from projections.reading import Connection

SUFFIX = "__rebuild"
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy says no types here

_GRANTS = """
select format('grant %%s on %%I to %%s', string_agg(a.privilege_type, ', '), %s::text,
              case a.grantee when 0 then 'public' else a.grantee::regrole::text end)
  from pg_class c, aclexplode(c.relacl) a
 where c.oid = %s::regclass and a.grantee <> c.relowner
 group by a.grantee
"""


async def create(connection: Connection, model: ReadModel) -> None:
    """Empty shadows with the rights of the originals, without indexes or foreign keys; those that
    `apply` looks rows up in while they are loaded get their keys. Whatever an earlier attempt left
    goes first."""
    await drop(connection, model)
    for table in model.tables:
        shadow = table.name + SUFFIX
        await _run(
            connection,
            f"create table {shadow} (like {table.name} including defaults including comments"
            " including storage including compression)",
        )
        cursor = await connection.execute(_GRANTS, (shadow, table.name))
        await _run(connection, *[grant for (grant,) in await cursor.fetchall()])
        if table.name not in model.appended and table.name not in model.derived:
            await _run(connection, *_add_keys(table))


async def derive(connection: Connection, model: ReadModel) -> None:
    """Fill what follows from the other shadows, all of which are loaded; then `apply` can add."""
    tables = {table.name: table for table in model.tables}
    for name, statement in model.derived.items():
        await _run(connection, statement(SUFFIX), *_add_keys(tables[name]))


async def drop(connection: Connection, model: ReadModel) -> None:
    """Remove the shadows, if there are any."""
    names = ", ".join(table.name + SUFFIX for table in model.tables)
    await _run(connection, f"drop table if exists {names} cascade")


async def finish(connection: Connection, model: ReadModel) -> None:
    """Add what was left out while loading: keys, indexes, checked foreign keys, statistics."""
    for table in model.tables:
        if table.name in model.appended:
            await _run(connection, *_add_keys(table))
        await _run(connection, *_add_indexes(table))
    for table in model.tables:
        await _run(connection, *_add_foreign_keys(table), f"analyze {table.name}{SUFFIX}")


async def take_place(connection: Connection, model: ReadModel) -> None:
    """Put finished shadows in the originals' place, within the caller's transaction."""
    names = ", ".join(table.name for table in model.tables)
    await _run(connection, f"lock table {names} in access exclusive mode", f"drop table {names}")
    for table in model.tables:
        name = table.name
        await _run(
            connection,
            f"alter table {name}{SUFFIX} rename to {name}",
            *(f"alter index {one}{SUFFIX} rename to {one}" for one in _index_names(table)),
            *(
                f"alter table {name} rename constraint {key.name}{SUFFIX} to {key.name}"
                for key in table.foreign_key_constraints
            ),
        )


def _add_keys(table: Table) -> Iterator[str]:
    for key in _keys(table):
        columns = ", ".join(column.name for column in key.columns)
        kind = "primary key" if key is table.primary_key else "unique"
        change = f"alter table {table.name}{SUFFIX}"
        yield f"{change} add constraint {key.name}{SUFFIX} {kind} ({columns})"


def _add_indexes(table: Table) -> Iterator[str]:
    copy = table.to_metadata(MetaData(), name=table.name + SUFFIX)
    for index in _indexes(copy):
        index.name = quoted_name(f"{index.name}{SUFFIX}", quote=None)
        yield str(CreateIndex(index).compile(dialect=_DIALECT))


def _add_foreign_keys(table: Table) -> Iterator[str]:
    for key in _foreign_keys(table):
        own = ", ".join(column.name for column in key.columns)
        others = ", ".join(element.column.name for element in key.elements)
        change = f"alter table {table.name}{SUFFIX}"
        yield (
            f"{change} add constraint {key.name}{SUFFIX} foreign key ({own})"
            f" references {key.referred_table.name}{SUFFIX} ({others}) not valid"
        )
        yield f"{change} validate constraint {key.name}{SUFFIX}"


def _keys(table: Table) -> list[ColumnCollectionConstraint]:
    """The constraints that are kept by an index: primary and unique keys."""
    return [
        one
        for one in table.constraints
        if isinstance(one, ColumnCollectionConstraint) and one not in table.foreign_key_constraints
    ]


def _foreign_keys(table: Table) -> list[ForeignKeyConstraint]:
    return sorted(table.foreign_key_constraints, key=lambda one: str(one.name))


def _indexes(table: Table) -> list[Index]:
    return sorted(table.indexes, key=lambda one: str(one.name))


def _index_names(table: Table) -> list[str]:
    return [str(one.name) for one in _keys(table)] + [str(one.name) for one in _indexes(table)]


async def _run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        await connection.execute(statement.encode())
