"""A reverse proxy with a count of its own: it reads the answers that pass, and knows nothing else.

It numbers each request, in `X-Access-Reason`, so that its count can be held against the access log
one by one. What an answer shows it tells by its bytes. A part is a whole body, or a chunk of one
that is sent in chunks; of an answer that breaks off, the parts that came whole.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_HEAD_END = b"\r\n\r\n"


@dataclass
class Exchange:
    """A request that passed. sent: whether any of it reached a server; status: None if no answer
    began; shown: sizes of the parts that showed something; whole: whether the answer came to its
    end."""

    number: int
    asked: str
    sent: bool = False
    status: int | None = None
    shown: list[int] = field(default_factory=list)
    whole: bool = False

    @property
    def reason(self) -> str:
        return f"proxy {self.number}"


class Proxy:
    """In front of servers on loopback, in turn. shows: whether a part of a body shows something."""

    def __init__(self, ports: Sequence[int], shows: Callable[[bytes], bool]) -> None:
        self._ports = itertools.cycle(ports)
        self._shows = shows
        self._under_way: set[asyncio.Task[None]] = set()
        self.exchanges: list[Exchange] = []
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield

    async def ended(self) -> None:
        """All answers have come to their ends, one way or the other."""
        await asyncio.gather(*self._under_way)

    async def _serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """One request; the connection is closed behind its answer."""
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            request = await _message(client)
            line, _, rest = request.partition(b"\r\n")
            exchange = Exchange(len(self.exchanges), line.decode())
            self.exchanges.append(exchange)
            told = f"X-Access-Reason: {exchange.reason}\r\nConnection: close\r\n".encode()
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._pass(b"%b\r\n%b%b" % (line, told, rest), exchange, answer)
        finally:
            self._under_way.discard(task)
            answer.close()

    async def _pass(self, request: bytes, exchange: Exchange, answer: asyncio.StreamWriter) -> None:
        """Raises OSError, IncompleteReadError where the server breaks off."""
        server, writer = await asyncio.open_connection("127.0.0.1", next(self._ports))
        try:
            writer.write(request)
            exchange.sent = True
            head = await server.readuntil(_HEAD_END)
            exchange.status = int(head[9:12])
            _forward(answer, head)
            async for part, framed in _parts(server, head.lower()):
                if exchange.status == 200 and self._shows(part):
                    exchange.shown.append(len(part))
                _forward(answer, framed)
            exchange.whole = True
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """A request with its body."""
    head = await reader.readuntil(_HEAD_END)
    return head + await reader.readexactly(_length(head.lower()))


async def _parts(server: asyncio.StreamReader, head: bytes) -> AsyncIterator[tuple[bytes, bytes]]:
    """Each part of a body, and the same as it is sent."""
    if b"transfer-encoding: chunked" not in head:
        body = await server.readexactly(_length(head))
        yield body, body
        return
    while True:
        size = await server.readuntil(b"\r\n")
        chunk = await server.readexactly(int(size, 16) + 2)
        yield chunk[:-2], size + chunk
        if int(size, 16) == 0:
            return


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


def _forward(answer: asyncio.StreamWriter, data: bytes) -> None:
    """Whether the client is there or not: what the server sends is read to its end."""
    if not answer.is_closing():
        answer.write(data)
