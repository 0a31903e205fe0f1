"""Connections to PostgreSQL: how they are opened, and what their errors mean here.

A connection speaks to one cell (its search_path) and acts as the application's role, which cannot
change what is recorded. Statements take no schema names.
"""

from __future__ import annotations

import asyncio
import re
import select
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from time import monotonic, sleep
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection, Connection, conninfo
from psycopg.abc import PQGen
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from domain.errors import OrderHistoryError, Overloaded, Unavailable
from infrastructure.postgres.arrays import register_columns
from infrastructure.postgres.tables import APP_ROLE
from infrastructure.postgres.wire import Wire

CONNECT_TIMEOUT = 2
"""Seconds; the least that libpq knows."""

POOL_TIMEOUT = 1.0
"""Seconds that a reader waits for a connection: a database that is away is told of soon."""

_PREPARE_AFTER = 2
_TCP = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5000,
}

# SQLSTATE classes and codes (PostgreSQL manual, appendix A) after which asking again may work.
_AWAY_CLASSES = frozenset({"08", "53", "57", "58"})
_AWAY_CODES = frozenset({"25006", "40001", "40P01", "55P03"})

_REFUSALS = re.compile(
    r"(database|role) \".*\" does not exist|authentication failed|no pg_hba\.conf entry"
    r"|pg_hba\.conf rejects|is not permitted to log in|permission denied for database"
    r"|no password supplied|no such (database|user)"
)
"""How a server, libpq or a pooler says what waiting does not change (SQLSTATE 3D000, 28xxx, 42501).
libpq keeps no SQLSTATE of a connection that failed; words in another language are waited for."""


class DatabaseRefused(OrderHistoryError):
    """The database is there, and does not let this program in."""


def address(
    url: str,
    cell: str,
    *,
    name: str,
    as_owner: bool = False,
    settings: Mapping[str, str] | None = None,
) -> str:
    """The libpq connection string for one cell (or another schema, such as `procrastinate`).

    `name` shows in pg_stat_activity. `as_owner` keeps the role that logged in, for changes of
    tables. `settings` are server settings, such as {"synchronous_commit": "off"}.
    """
    given = conninfo.conninfo_to_dict(url)
    wanted = {"search_path": f"{cell},public"}
    if not as_owner:
        wanted["role"] = APP_ROLE
    options = [str(given.get("options") or "")]
    options += [f"-c {key}={_escape(one)}" for key, one in {**wanted, **(settings or {})}.items()]
    parameters: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT, **_TCP, **given}
    parameters |= {"application_name": name, "options": " ".join(options).strip()}
    return conninfo.make_conninfo(**parameters)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


async def connect_one(
    url: str,
    cell: str,
    *,
    name: str,
    as_owner: bool = False,
    settings: Mapping[str, str] | None = None,
) -> AsyncConnection[Any]:
    """Open a connection in autocommit mode, which the caller owns; arguments as for `address`.

    Raises psycopg.OperationalError when the database is away; see `store_errors`.
    """
    target = address(url, cell, name=name, as_owner=as_owner, settings=settings)
    connection = await AsyncConnection.connect(
        target, autocommit=True, prepare_threshold=_PREPARE_AFTER
    )
    register_columns(connection)
    return connection


_T = TypeVar("_T")


async def in_thread(work: Callable[[], _T]) -> _T:
    """Blocking work on a connection. Who is cancelled meanwhile goes on, to close the connection,
    only when the work has ended."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    finally:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        task.exception()  # whoever is cancelled does not ask for it


@asynccontextmanager
async def in_threads(connect: Callable[[], Connection[Any]]) -> AsyncIterator[Connection[Any]]:
    """A blocking connection for `in_thread`; closed on leaving."""
    made: list[Connection[Any]] = []
    try:
        await in_thread(lambda: made.append(connect()))
        yield made[0]
    finally:
        for connection in made:
            connection.close()


class _Connection(AsyncConnection[Any]):
    """One of a pool. Its wire remembers what the server has prepared."""

    wire: Wire | None = None

    def _deallocate(self, name: bytes | None) -> PQGen[None]:
        """psycopg lets the server forget all statements after a rollback, those of the wire too. It
        tells nobody in another way (psycopg 3.3, _preparing.py)."""
        if name is None and self.wire is not None:
            self.wire.forget()
        yield from super()._deallocate(name)


class Pool(AsyncConnectionPool[AsyncConnection[Any]]):
    """A pool that hands out no connection whose server has gone, and none to who is cancelled.

    psycopg_pool's own check asks the server each time and pauses a second after two dead
    connections; here a look at the socket tells, and dead ones are passed over at once. It waits
    with asyncio.wait_for, which in Python 3.11 forgets a cancellation that comes together with what
    was waited for (cpython issue 86296): a loop that is to end would go on for ever.
    """

    async def getconn(self, timeout: float | None = None) -> AsyncConnection[Any]:
        deadline = monotonic() + (self.timeout if timeout is None else timeout)
        task = asyncio.current_task()
        assert task is not None, "called by a coroutine"
        cancelled = task.cancelling()
        while True:
            connection = await super().getconn(deadline - monotonic())
            if task.cancelling() > cancelled:
                await self.putconn(connection)
                raise asyncio.CancelledError
            if _is_alive(connection):
                return connection
            await self.putconn(connection)

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        """A connection whose statements are sent together and answered in one trip.

        Left before all is answered (a cancelled request, an error on the way), it is closed.
        """
        async with self.connection() as connection:
            assert isinstance(connection, _Connection)
            if connection.wire is None:
                connection.wire = Wire(connection)
            else:
                connection.pgconn.enter_pipeline_mode()
            try:
                yield connection.wire
            finally:
                try:
                    connection.pgconn.exit_pipeline_mode()
                except psycopg.OperationalError:
                    await connection.close()
                if not connection.wire.idle:
                    await connection.close()


def _is_alive(connection: AsyncConnection[Any]) -> bool:
    """An idle connection has nothing to read but a farewell and the end of the stream."""
    try:
        socket = select.poll()
        socket.register(connection.fileno(), select.POLLIN)
        while socket.poll(0):
            connection.pgconn.consume_input()  # fails at the end of the stream
    except psycopg.OperationalError:
        return False
    return True


async def _configure(connection: AsyncConnection[Any]) -> None:
    register_columns(connection)


async def open_pool(
    url: str,
    cell: str,
    *,
    min: int,  # noqa: A002 - psycopg's and everyone's words for it
    max: int,  # noqa: A002 - the same
    name: str,
    settings: Mapping[str, str] | None = None,
) -> Pool:
    """Open a pool of connections in autocommit mode; close it with `await pool.close()`.

    Does not wait for the database. While that is away a check-out fails after POOL_TIMEOUT; when
    it is back, the next check-out finds it.
    """
    pool = Pool(
        address(url, cell, name=name, settings=settings),
        connection_class=_Connection,
        kwargs={"autocommit": True, "prepare_threshold": _PREPARE_AFTER},
        configure=_configure,
        min_size=min,
        max_size=max,
        timeout=POOL_TIMEOUT,
        # Longer would be slower: the pool doubles its pauses until this, and tries anew after it.
        reconnect_timeout=POOL_TIMEOUT,
        name=name,
        open=False,
    )
    await pool.open()
    return pool


def translate(error: Exception) -> Unavailable | None:
    """What a driver's error means to the domain; None when it is a fault of the program."""
    if isinstance(error, (PoolTimeout, PoolClosed)):
        return Unavailable()
    if isinstance(error, psycopg.Error):
        state = error.sqlstate
        if state is None:
            lost = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
            return Unavailable() if lost else None
        if state == "53300":
            return Overloaded("The database has no connection left. Try again shortly.")
        if state[:2] in _AWAY_CLASSES or state in _AWAY_CODES:
            return Unavailable()
    return None


@contextmanager
def store_errors() -> Iterator[None]:
    """Around statements: raises Unavailable where the database was away, full or in the way."""
    try:
        yield
    except Exception as error:
        if (meaning := translate(error)) is None:
            raise
        raise meaning from error


def wait_for_database(url: str, timeout: float, say: Callable[[str], None]) -> None:
    """Return once the database answers. Says once why it waits.

    Raises, in one line without a password, DatabaseRefused at once when the server is there and
    does not know or admit the database or the role; Unavailable after `timeout` seconds.
    """
    parts = conninfo.conninfo_to_dict(url)
    where = f"{parts.get('dbname') or 'database'} at {parts.get('host') or 'the local socket'}"
    deadline = monotonic() + timeout
    waiting = False
    while True:
        try:
            psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT).close()
            return
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[0]
            if _REFUSALS.search(reason):
                raise DatabaseRefused(
                    f"the database {where} cannot be used: {reason}; correct --database-url, or "
                    "make the database or the role"
                ) from error
            if monotonic() >= deadline:
                raise Unavailable(
                    f"gave up waiting for the database {where} after {timeout:g} s: {reason}"
                ) from error
            if not waiting:
                say(f"waiting for the database {where}: {reason}")
                waiting = True
            sleep(0.2)
