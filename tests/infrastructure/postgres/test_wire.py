from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import psycopg
import pytest

from infrastructure.postgres.arrays import (
    BigintColumn,
    BooleanColumn,
    BytesColumn,
    IntColumn,
    TextColumn,
    UuidColumn,
)
from infrastructure.postgres.connect import connect_one
from infrastructure.postgres.wire import Wire

pytestmark = pytest.mark.anyio

ECHO = "select %s::text, %s::bigint, %s::bytea, %s::int"


@pytest.fixture
async def wire(database_url: str) -> AsyncIterator[Wire]:
    wire = Wire(await connect_one(database_url, "cell_0", name="test wire"))
    yield wire
    await wire.close()


async def test_parameters_come_back_as_they_are(wire: Wire) -> None:
    part = wire.part()
    values = [('é"\\\n', 2**53, b"\x00\xff", None), ("", -1, b"", 7)]
    answers = [part.run(ECHO, *row) for row in values]
    await part.done()
    assert [answer.rows() for answer in answers] == [[row] for row in values]


async def test_a_text_is_never_cut_at_its_null_character(wire: Wire) -> None:
    part = wire.part()
    with pytest.raises(psycopg.DataError, match=r"U\+0000"):
        part.run(ECHO, "known\0more", 1, b"", 1)
    answer = part.run(ECHO, "known", 1, b"", 1)
    await part.done()
    assert answer.rows() == [("known", 1, b"", 1)]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (TextColumn(["a", None, "é"]), "text"),
        (TextColumn(["same", "same"]), "text"),
        (TextColumn([None, None]), "text"),
        (BytesColumn([b"", None, b"\x00"]), "bytea"),
        (BigintColumn([0, -(2**62)]), "bigint"),
        (IntColumn([7, -7]), "int"),
        (BooleanColumn([True, False, True]), "boolean"),
        (TextColumn([]), "text"),
    ],
)
async def test_columns_are_arrays(wire: Wire, column: TextColumn, kind: str) -> None:
    part = wire.part()
    answer = part.run(f"select * from unnest(%s::{kind}[])", column)
    await part.done()
    assert [value for (value,) in answer.rows()] == column.values


async def test_uuids_are_sixteen_bytes(wire: Wire) -> None:
    part = wire.part()
    answer = part.run("select * from unnest(%s::uuid[])", UuidColumn([UUID(int=5).bytes]))
    await part.done()
    assert answer.rows() == [(UUID(int=5),)]


async def test_a_part_may_be_under_way_behind_another(wire: Wire) -> None:
    first, second = wire.part(), wire.part()
    one = first.run("select 1")
    first.end()
    two = second.run("select 2 from pg_sleep(0.05)")
    second.end()
    await first.done()
    assert one.rows() == [(1,)]
    await second.done()
    assert two.rows() == [(2,)]


async def test_more_than_a_socket_holds_at_once(wire: Wire) -> None:
    """Both ways at the same time: neither side may wait for the other to read first."""
    big = b"x" * 8_000_000
    part = wire.part()
    answers = [part.run("select %s::bytea", big) for _ in range(3)]
    await part.done()
    assert all(answer.rows() == [(big,)] for answer in answers)


async def test_what_fails_is_undone_and_the_wire_goes_on(wire: Wire) -> None:
    part = wire.part()
    part.run("begin")
    part.run("create temp table of_the_failed_part (n int)")
    part.run("select 1 / %s::int", 0)
    part.run("select 'never carried out'")
    part.end()
    behind = wire.part()
    behind.run("select 'in a transaction that has failed'")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await part.done()
    await wire.rollback()
    after = wire.part()
    gone = after.run("select to_regclass('of_the_failed_part') is null")
    again = after.run("select 1 / %s::int", 1)
    await after.done()
    assert (gone.rows(), again.rows()) == ([(True,)], [(1,)])


async def test_rolling_back_where_nothing_is_open_asks_nothing(wire: Wire) -> None:
    await wire.rollback()
    part = wire.part()
    asked = part.run("select count(*) from pg_prepared_statements")
    await part.done()
    assert asked.rows() == [(1,)]


async def test_a_server_that_ends_the_connection(wire: Wire, database_url: str) -> None:
    part = wire.part()
    mine = part.run("select pg_backend_pid()")
    await part.done()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(%s, 2000)", mine.rows()[0])
    part = wire.part()
    part.run("select 1")
    with pytest.raises(psycopg.OperationalError):
        await part.done()
    assert wire.closed
    with pytest.raises(psycopg.OperationalError):
        await wire.rollback()


async def test_a_parameter_of_a_kind_that_is_not_known(wire: Wire) -> None:
    with pytest.raises(TypeError, match="list"):
        wire.part().run("select %s::int[]", [1])
    await wire.rollback()
