"""Connections: whom they act as, what their failures mean, and how they come back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import psutil  # type: ignore[import-untyped]  # it ships no types
import psycopg
import pytest
from psycopg import conninfo, errors
from psycopg_pool import PoolTimeout

from domain.errors import Overloaded, Unavailable
from infrastructure.postgres import connect
from infrastructure.postgres.connect import (
    DatabaseRefused,
    Pool,
    store_errors,
    translate,
    wait_for_database,
)
from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.postgres.migrate import upgrade

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await connect.open_pool(database_url, "cell_0", min=1, max=2, name="reader")
    yield pool
    await pool.close()


@pytest.fixture(scope="module")
def fragile(open_dir: Path) -> Iterator[EmbeddedPostgres]:
    """A server of this module's own, to be killed."""
    with EmbeddedPostgres(open_dir / "fragile") as server:
        upgrade(server.url())
        yield server


async def _who(pool: Pool) -> tuple[str, ...]:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "select current_user::text, current_schema()::text, current_setting('application_name')"
        )
        row = await cursor.fetchone()
        assert row is not None
        assert connection.autocommit
        return tuple(row)


async def _postmaster_pid(pool: Pool) -> int:
    async with pool.connection() as connection:
        cursor = await connection.execute("select pg_backend_pid()")
        row = await cursor.fetchone()
        assert row is not None
        return int(psutil.Process(row[0]).ppid())


async def test_a_pool_speaks_to_one_cell_as_the_application(pool: Pool) -> None:
    assert await _who(pool) == ("order_history_app", "cell_0", "reader")


async def test_one_connection_can_stay_the_owner_and_take_settings(database_url: str) -> None:
    async with await connect.connect_one(
        database_url,
        "cell_0",
        name="owner",
        as_owner=True,
        settings={"synchronous_commit": "off", "test.text": r"a b\c"},
    ) as connection:
        cursor = await connection.execute(
            "select current_user::text, current_setting('synchronous_commit'),"
            " current_setting('test.text')"
        )
        assert await cursor.fetchone() == ("postgres", "off", r"a b\c")


def test_options_that_a_url_brings_are_kept() -> None:
    url = "postgresql://me@db.example/oh?options=-c%20statement_timeout%3D9s&connect_timeout=7"
    made = conninfo.conninfo_to_dict(connect.address(url, "cell_3", name="x"))
    assert made["options"] == (
        "-c statement_timeout=9s -c search_path=cell_3,public -c role=order_history_app"
    )
    assert str(made["connect_timeout"]) == "7"


async def test_dead_connections_are_passed_over(database_url: str) -> None:
    pool = await connect.open_pool(database_url, "cell_0", min=3, max=3, name="doomed")
    try:
        await pool.wait()
        with psycopg.connect(database_url, autocommit=True) as owner:
            ended = owner.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where application_name = 'doomed'"
            ).fetchall()
        assert ended == [(True,)] * 3
        for _ in range(3):
            assert (await _who(pool))[2] == "doomed"
    finally:
        await pool.close()


async def test_readers_fail_while_the_server_is_dead_and_recover(fragile: EmbeddedPostgres) -> None:
    pool = await connect.open_pool(fragile.url(), "cell_0", min=2, max=4, name="reader")
    try:
        await pool.wait()
        process = psutil.Process(await _postmaster_pid(pool))
        process.kill()
        process.wait(10)
        for _ in range(2):
            with pytest.raises(Unavailable), store_errors():
                await _who(pool)
        await anyio.to_thread.run_sync(fragile.ensure_running)
        with anyio.fail_after(30):
            while True:
                try:
                    with store_errors():
                        assert (await _who(pool))[0] == "order_history_app"
                    return
                except Unavailable:
                    await anyio.sleep(0.05)
    finally:
        await pool.close()


@pytest.mark.parametrize(
    "error",
    [
        errors.AdminShutdown(),
        errors.CannotConnectNow(),
        errors.ConnectionFailure(),
        errors.DiskFull(),
        errors.IoError(),
        errors.ReadOnlySqlTransaction(),
        errors.DeadlockDetected(),
        psycopg.OperationalError("the connection is lost"),
        psycopg.InterfaceError("the connection is closed"),
        PoolTimeout(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_database_that_is_away_or_full_is_unavailable(error: Exception) -> None:
    assert type(translate(error)) is Unavailable


def test_a_database_without_connections_left_is_overloaded() -> None:
    assert type(translate(errors.TooManyConnections())) is Overloaded


@pytest.mark.parametrize(
    "error", [errors.UniqueViolation(), errors.UndefinedTable(), psycopg.DataError(), KeyError()]
)
def test_faults_of_the_program_stay_what_they_are(error: Exception) -> None:
    assert translate(error) is None
    with pytest.raises(type(error)), store_errors():
        raise error


def test_an_unavailable_store_says_nothing_of_the_statement() -> None:
    with pytest.raises(Unavailable) as raised, store_errors():
        raise errors.DiskFull("could not extend file while inserting jane@example.com")
    assert "jane" not in str(raised.value)


def test_a_database_that_answers_is_not_waited_for(database_url: str) -> None:
    said: list[str] = []
    wait_for_database(database_url, 5, said.append)
    assert said == []


def never(_line: str) -> None:
    pytest.fail("it waits")


def test_a_database_that_does_not_exist_is_told_at_once(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(DatabaseRefused, match='database "nowhere" does not exist') as refused:
        wait_for_database(postgres.url("nowhere"), 60, never)
    assert "\n" not in str(refused.value)
    assert "--database-url" in str(refused.value)


def test_a_role_that_does_not_exist_is_told_at_once(database_url: str) -> None:
    url = database_url.replace("//postgres@", "//nobody@")
    with pytest.raises(DatabaseRefused, match='role "nobody" does not exist'):
        wait_for_database(url, 60, never)


def test_a_role_that_may_not_log_in_is_told_at_once(database_url: str) -> None:
    url = database_url.replace("//postgres@", "//order_history_app:s3cret@")
    with pytest.raises(DatabaseRefused, match="not permitted to log in") as refused:
        wait_for_database(url, 60, never)
    assert "s3cret" not in str(refused.value)


@pytest.fixture
def strict(open_dir: Path) -> Iterator[str]:
    """The URL, without a password, of a role of a server that asks for one."""
    with EmbeddedPostgres(open_dir / "strict") as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("create role teller login password 'right'")
            hba = Path(str(connection.execute("show hba_file").fetchone()[0]))  # type: ignore[index]  # always a row
            hba.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
            connection.execute("select pg_reload_conf()")
        yield server.url().replace("//postgres@", "//teller@")


def test_a_wrong_password_is_told_at_once(strict: str) -> None:
    for given, words in (("teller:s3cret@", "authentication failed"), ("teller@", "no password")):
        with pytest.raises(DatabaseRefused, match=words) as refused:
            wait_for_database(strict.replace("teller@", given), 60, never)
        assert "s3cret" not in str(refused.value)
    wait_for_database(strict.replace("teller@", "teller:right@"), 60, never)


def test_waiting_says_so_once_and_gives_up_in_one_line() -> None:
    said: list[str] = []
    with pytest.raises(Unavailable) as gave_up:
        wait_for_database("postgresql://me:s3cret@127.0.0.1:1/oh", 0.5, said.append)
    assert len(said) == 1
    assert said[0].startswith("waiting for the database oh at 127.0.0.1")
    for line in (said[0], str(gave_up.value)):
        assert "\n" not in line
        assert "s3cret" not in line


async def _one(pool: Pool, statement: str, *parameters: object) -> object:
    async with pool.wire() as wire:
        part = wire.part()
        answer = part.run(statement, *parameters)
        await part.done()
    ((value,),) = answer.rows()
    return value


async def test_a_pools_connection_serves_as_a_wire_and_as_ever(database_url: str) -> None:
    pool = await connect.open_pool(database_url, "cell_0", min=1, max=1, name="both ways")
    try:
        server = await _one(pool, "select pg_backend_pid()")
        for number in range(4):
            assert await _one(pool, "select %s::int + 1", number) == number + 1
            assert await _who(pool) == ("order_history_app", "cell_0", "both ways")
        with pytest.raises(errors.DivisionByZero):
            await _one(pool, "select 1 / %s::int", 0)
        assert await _who(pool) == ("order_history_app", "cell_0", "both ways")
        assert await _one(pool, "select pg_backend_pid()") == server, "it was kept"
    finally:
        await pool.close()


async def test_a_wire_lives_through_what_psycopg_rolls_back(database_url: str) -> None:
    pool = await connect.open_pool(database_url, "cell_0", min=1, max=1, name="rolled back")
    try:
        assert await _one(pool, "select %s::int", 1) == 1
        async with pool.connection() as connection:
            for _ in range(4):
                await connection.execute("select 'prepared when repeated'")
            with suppress(ZeroDivisionError):
                async with connection.transaction():
                    raise ZeroDivisionError
        assert await _one(pool, "select %s::int", 2) == 2
    finally:
        await pool.close()


async def test_a_wire_left_before_its_answers_is_not_handed_out_again(database_url: str) -> None:
    pool = await connect.open_pool(database_url, "cell_0", min=1, max=1, name="cancelled")
    try:
        server = await _one(pool, "select pg_backend_pid()")
        with anyio.move_on_after(0.05) as scope:
            await _one(pool, "select pg_sleep(30)::text")
        assert scope.cancelled_caught
        assert await _one(pool, "select 'mine'") == "mine"
        assert await _one(pool, "select pg_backend_pid()") != server
    finally:
        await pool.close()


async def test_a_part_that_was_begun_and_left_troubles_nobody_after_it(database_url: str) -> None:
    pool = await connect.open_pool(database_url, "cell_0", min=1, max=1, name="left")
    try:
        assert await _one(pool, "select %s::text", "known") == "known"
        for text in ("known\0more", "\0"):
            with pytest.raises(psycopg.DataError):
                await _one(pool, "select %s::text", text)
            assert await _one(pool, "select %s::text", "known") == "known"
    finally:
        await pool.close()
