"""Many statements in one trip: libpq's pipeline mode, without psycopg's price for each of them.

    part = wire.part()
    answer = part.run(sql, ...)
    await part.done()
    answer.rows()

psycopg's own pipeline turns the event loop over for every statement, which makes a trip with a
dozen of them cost five times what it costs here, and gives nothing back before all that was sent
is answered; here a part can be on its way while the one before it is still waited for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import AsyncConnection, pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq.abc import PGconn, PGresult

from infrastructure.postgres.arrays import Column

_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)


class Wire:
    """A connection in autocommit mode, given over to this. Not for several tasks at once.

    After any error `rollback` makes it usable again, or raises.
    """

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._pg = connection.pgconn
        self._pg.enter_pipeline_mode()
        self._names: dict[str, bytes] = {}
        self._drawn = 0
        self._under_way: deque[Part] = deque()

    @property
    def closed(self) -> bool:
        """Whether the server can no longer be reached through it."""
        return self._connection.closed

    @property
    def idle(self) -> bool:
        """Whether no part is under way, nor was begun and left."""
        return not self._under_way

    def part(self) -> Part:
        """A new part, behind those that are under way."""
        part = Part(self, self._pg)
        self._under_way.append(part)
        return part

    async def rollback(self) -> None:
        """Wait for what is under way, whatever comes of it; undo the transaction that is open."""
        while self._under_way:
            try:
                await self._under_way[0].done()
            except psycopg.Error:
                if self.closed:
                    raise
        if self._pg.transaction_status != pq.TransactionStatus.IDLE:
            part = self.part()
            part.run("rollback")
            await part.done()

    async def close(self) -> None:
        """Close the connection; what is under way is lost."""
        await self._connection.close()

    def forget(self) -> None:
        """The server no longer knows any statement by its name. Nothing may be under way."""
        self._names.clear()

    def prepared(self, statement: str, part: Part) -> bytes:
        """The name under which the server knows a statement, told to it in this part if need be."""
        name = self._names.get(statement)
        if name is None:
            self._drawn += 1
            name = self._names[statement] = b"oh%d" % self._drawn
            self._pg.send_prepare(name, _numbered(statement))
            part.answers.append(Answer())
            part.prepared.append(statement)
        return name

    async def read(self, part: Part) -> None:
        """Wait for the answers of a part, the oldest under way. Raises psycopg.Error."""
        assert part is self._under_way[0], "parts are answered in their order"
        failed: PGresult | None = None
        for answer in part.answers:
            result = await self._result()
            while await self._result() is not None:
                pass
            if result is not None and result.status in _FAILED:
                failed = failed or result
            answer.result = result
        await self._result()  # the end of the part
        self._under_way.popleft()
        if failed is not None:
            for statement in part.prepared:  # perhaps the server has forgotten them
                self._names.pop(statement, None)
            raise error_from_result(failed, self._connection.info.encoding)
        loader = Transformer(self._connection)
        for answer in part.answers:
            answer.loader = loader

    async def _result(self) -> PGresult | None:
        pg = self._pg
        unsent = pg.flush()
        while pg.is_busy():
            await self._ready(write=bool(unsent))
            pg.consume_input()
            unsent = unsent and pg.flush()
        result = pg.get_result()
        if pg.status == pq.ConnStatus.BAD:
            raise psycopg.OperationalError("the connection is lost")
        return result

    async def _ready(self, *, write: bool) -> None:
        """Until there is something to read, or room to write if that is asked for."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        socket = self._pg.socket
        loop.add_reader(socket, _set, ready)
        if write:
            loop.add_writer(socket, _set, ready)
        try:
            await ready
        finally:
            loop.remove_reader(socket)
            if write:
                loop.remove_writer(socket)


class Part:
    """Statements that end in one synchronisation point: if one fails, those after it are not
    carried out. They are sent as they come, but for what still fits into a buffer."""

    def __init__(self, wire: Wire, pg: PGconn) -> None:
        self._wire = wire
        self._pg = pg
        self._ended = False
        self.answers: list[Answer] = []
        self.prepared: list[str] = []

    def run(self, statement: str, *parameters: object) -> Answer:
        """Put a statement, with %s places, on its way. Parameters are columns, str, int, bytes or
        None; a place whose type the server cannot infer needs a cast in the statement. Raises
        psycopg.DataError for a text with U+0000 before anything is sent."""
        values, formats = _dumped(parameters)
        name = self._wire.prepared(statement, self)
        self._pg.send_query_prepared(name, values, formats, pq.Format.BINARY)
        answer = Answer()
        self.answers.append(answer)
        return answer

    def push(self) -> None:
        """Let the server begin with what there is so far."""
        self._pg.flush()

    def end(self) -> None:
        """Nothing more comes."""
        if not self._ended:
            self._ended = True
            self._pg.pipeline_sync()
            self.push()

    async def done(self) -> None:
        """End it and wait for all answers. Raises psycopg.Error for the first that is a failure."""
        self.end()
        await self._wire.read(self)


class Answer:
    """What the server said to one statement, once its part is done."""

    __slots__ = ("loader", "result")

    def __init__(self) -> None:
        self.loader: Any = None
        self.result: PGresult | None = None

    def rows(self) -> list[tuple[Any, ...]]:
        """All of them."""
        assert self.loader is not None, "the part is not done"
        if self.result is None or self.result.ntuples == 0:
            return []
        self.loader.set_pgresult(self.result)
        rows: list[tuple[Any, ...]] = self.loader.load_rows(0, self.result.ntuples, tuple)
        return rows


@lru_cache(maxsize=1000)
def _numbered(statement: str) -> bytes:
    """With $1, $2 ... for each %s, as the server wants them."""
    first, *rest = statement.split("%s")
    return (first + "".join(f"${n}{text}" for n, text in enumerate(rest, 1))).encode()


def _dumped(parameters: Sequence[object]) -> tuple[list[bytes | None], list[int]]:
    """The bytes and the format of each."""
    values: list[bytes | None] = []
    formats: list[int] = []
    for one in parameters:
        if isinstance(one, (str, int)):
            if isinstance(one, str) and "\0" in one:  # libpq would send what is before it alone
                raise psycopg.DataError("a text for PostgreSQL cannot hold U+0000")
            values.append(str(one).encode())
            formats.append(pq.Format.TEXT)
            continue
        if isinstance(one, Column):
            values.append(one.dump())
        elif one is None or isinstance(one, bytes):
            values.append(one)
        else:
            raise TypeError(f"a parameter cannot be a {type(one).__name__}")
        formats.append(pq.Format.BINARY)
    return values, formats


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
