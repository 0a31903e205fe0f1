"""The schema that a migration leaves, and what it lets nobody do."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from psycopg import Connection, errors
from sqlalchemy import NullPool, create_engine

from infrastructure.postgres import connect, migrate, rights, tables


@pytest.fixture
def owner(database_url: str) -> Iterator[Connection[Any]]:
    address = connect.address(database_url, "cell_0", name="test", as_owner=True)
    with psycopg.connect(address, autocommit=True) as connection:
        _ensure_event(connection)
        yield connection


@pytest.fixture
def app(database_url: str, owner: Connection[Any]) -> Iterator[Connection[Any]]:
    address = connect.address(database_url, "cell_0", name="test")
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


def _ensure_event(connection: Connection[Any]) -> None:
    connection.execute(
        "insert into events (position, originator_id, originator_version, topic, tenant_id,"
        " sequence, event_id, received_us, entry, ledger_hash, state)"
        " values (1, gen_random_uuid(), 1, 'Recorded', 'acme', 1, 'e-1', 0, '', '', '{}')"
        " on conflict do nothing"
    )


CHANGES = ["update events set state = ''", "delete from events", "truncate events cascade"]


@pytest.mark.parametrize("change", CHANGES)
def test_the_owner_cannot_change_what_is_recorded(owner: Connection[Any], change: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege, match="event store is append-only"):
        owner.execute(change.encode())
    assert owner.execute("select state from events").fetchone() == (b"{}",)


@pytest.mark.parametrize("change", CHANGES)
def test_posing_as_a_replica_is_no_way_around(owner: Connection[Any], change: str) -> None:
    owner.execute("set session_replication_role = replica")
    with pytest.raises(errors.InsufficientPrivilege, match="event store is append-only"):
        owner.execute(change.encode())


@pytest.mark.parametrize("change", CHANGES)
def test_the_application_lacks_the_right_to_try(app: Connection[Any], change: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege, match="permission denied for table events"):
        app.execute(change.encode())


def test_the_application_can_lock_the_append_lock_but_not_change_it(app: Connection[Any]) -> None:
    with app.transaction():
        assert app.execute("select id from append_lock for update").fetchall() == [(1,)]
    with pytest.raises(errors.InsufficientPrivilege, match="UPDATE of append_lock is refused"):
        app.execute("update append_lock set id = 1")
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("delete from append_lock")


def test_the_application_cannot_make_or_alter_tables(app: Connection[Any]) -> None:
    for statement in (b"create table mine (id int)", b"alter table events disable trigger all"):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(statement)


@pytest.mark.parametrize(
    "table", [*tables.CELL.sorted_tables, *tables.PUBLIC.sorted_tables], ids=lambda one: one.name
)
def test_rights_are_exactly_those_declared(owner: Connection[Any], table: Any) -> None:
    names = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
    query = "select has_table_privilege(%s, %s::regclass, %s)"
    held = [
        name
        for name in names
        if owner.execute(query, (tables.APP_ROLE, table.fullname, name)).fetchone() == (True,)
    ]
    assert held == list(rights.rights_on(table))


def test_no_statistics_are_kept_of_sealed_bytes(owner: Connection[Any]) -> None:
    sampled = owner.execute(
        "select attrelid::regclass::text, attname from pg_attribute a join pg_class c"
        " on c.oid = attrelid where relnamespace = 'cell_0'::regnamespace and relkind = 'r'"
        " and atttypid = 'bytea'::regtype and attnum > 0 and attstattarget is distinct from 0"
    ).fetchall()
    assert sampled == []


def test_a_cell_is_what_the_tables_say(database_url: str) -> None:
    address = connect.address(database_url, "cell_0", name="test", as_owner=True)
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(address), poolclass=NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, tables.CELL)
    others = [("remove_table", name) for name in ("alembic_version", "tenants")]
    assert [one for one in found if (one[0], getattr(one[1], "name", "")) not in others] == []


def test_migrating_again_changes_nothing(owner: Connection[Any], database_url: str) -> None:
    objects = "select oid, relname from pg_class order by oid"
    before = owner.execute(objects.encode()).fetchall()
    migrate.upgrade(database_url)
    assert owner.execute(objects.encode()).fetchall() == before


def test_an_empty_database_is_not_current_until_it_is_migrated(empty_url: str) -> None:
    assert not migrate.current(empty_url)
    migrate.upgrade(empty_url)
    assert migrate.current(empty_url)


def test_a_revision_this_program_does_not_know_is_not_current(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    with psycopg.connect(empty_url) as connection:
        connection.execute("update cell_0.alembic_version set version_num = 'cell_9999'")
    assert not migrate.current(empty_url)


def test_cells_stand_side_by_side_and_come_one_at_a_time(empty_url: str) -> None:
    migrate.upgrade(empty_url, ["cell_0"])
    assert not migrate.current(empty_url, ["cell_0", "cell_1"])
    migrate.upgrade(empty_url, ["cell_1"])
    assert migrate.current(empty_url, ["cell_0", "cell_1"])
    for cell in ("cell_0", "cell_1"):
        with psycopg.connect(connect.address(empty_url, cell, name="test")) as connection:
            _ensure_event(connection)
            assert connection.execute("select count(*) from events").fetchone() == (1,)
            assert connection.execute("select count(*) from append_lock").fetchone() == (1,)


def test_programs_that_migrate_at_once_do_it_once(empty_url: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(migrate.upgrade, empty_url) for _ in range(3)]:
            done.result()
    assert migrate.current(empty_url)


@pytest.mark.parametrize("name", ["public", "pg_catalog", 'x"; drop schema public', "Cell", ""])
def test_a_cell_has_a_plain_name(database_url: str, name: str) -> None:
    with pytest.raises(migrate.MigrationRefused):
        migrate.upgrade(database_url, [name])


def test_who_lacks_the_right_is_told_so_and_nothing_is_left(empty_url: str) -> None:
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("create role weak login")
        try:
            with pytest.raises(migrate.MigrationRefused, match="permission denied"):
                migrate.upgrade(empty_url.replace("postgres@", "weak@"))
            made = connection.execute("select to_regclass('public.tenants')").fetchone()
            assert made == (None,)
        finally:
            connection.execute("drop role weak")


def test_the_application_uses_the_queue_in_its_own_schema(database_url: str) -> None:
    address = connect.address(database_url, "procrastinate", name="test")
    with psycopg.connect(address) as connection:
        connection.execute(
            "insert into procrastinate_jobs (task_name, queue_name) values ('count', 'default')"
        )
        fetched = connection.execute("select task_name from procrastinate_jobs").fetchall()
    assert fetched == [("count",)]
