"""Connections to the cell of a database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from infrastructure.postgres.connect import Pool, connect_one, open_pool
from infrastructure.postgres.embedded import DATABASE, EmbeddedPostgres
from tests.projections.filling import Filling

Connect = Callable[[], Awaitable[AsyncConnection[Any]]]
CELL = "cell_0"
_numbers = count(1)


def fresh_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a migrated database, dropped when this is resumed."""
    name = f"projections_{next(_numbers)}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template {DATABASE} strategy wal_log".encode())
        yield postgres.url(name)
        connection.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database a test: the event store cannot be emptied for the next one."""
    yield from fresh_database(postgres)


@pytest.fixture
def as_app(database_url: str) -> Connect:
    return lambda: connect_one(database_url, CELL, name="test")


@pytest.fixture
def as_owner(database_url: str) -> Connect:
    return lambda: connect_one(database_url, CELL, name="test owner", as_owner=True)


@pytest.fixture
async def owner(as_owner: Connect) -> AsyncIterator[AsyncConnection[Any]]:
    async with await as_owner() as connection:
        yield connection


@pytest.fixture
async def app(as_app: Connect) -> AsyncIterator[AsyncConnection[Any]]:
    async with await as_app() as connection:
        yield connection


@pytest.fixture
def filling(app: AsyncConnection[Any]) -> Filling:
    return Filling(app)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with await open_pool(database_url, CELL, min=1, max=4, name="test pool") as pool:
        yield pool
