"""Witnesses over HTTP, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from domain.errors import Unavailable
from domain.ledger.faults import Malformed
from infrastructure.ledger import witnesses
from infrastructure.ledger.witnesses import MAX_ANSWER, WitnessClient, check_url

pytestmark = pytest.mark.anyio
BODY = b"old 0\n\nnote"


class Server:
    """Answers each request with the same bytes, and remembers what came."""

    def __init__(self, answer: bytes, *, hang: bool = False) -> None:
        self._answer = answer
        self._hang = hang
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                self.bodies.append(await reader.readexactly(len(BODY)))
                writer.write(self._answer)
                await writer.drain()
                if self._hang:
                    await asyncio.Event().wait()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(answer: bytes, *, hang: bool = False) -> AsyncIterator[Server]:
    server = Server(answer, hang=hang)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(server.serve(reader, writer)))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def client() -> AsyncIterator[WitnessClient]:
    client = WitnessClient()
    yield client
    await client.aclose()


def answer(status: str, body: bytes, *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(("prefix", "path"), [("", "/"), ("/", "/"), ("/w/1", "/w/1/")])
async def test_the_submission_prefix(client: WitnessClient, prefix: str, path: str) -> None:
    async with listening(answer("200 OK", b"line\n")) as server:
        told = await client(server.url + prefix, BODY)
    assert (told.status, told.body) == (200, b"line\n")
    assert server.heads[0].startswith(f"POST {path}add-checkpoint HTTP/1.1\r\n".encode())
    assert server.bodies == [BODY]


async def test_connections_are_kept(client: WitnessClient) -> None:
    async with listening(answer("409 Conflict", b"7\n")) as server:
        for _ in range(3):
            assert (await client(server.url, BODY)).status == 409
    assert (server.connections, len(server.bodies)) == (1, 3)


async def test_a_proxy_of_the_environment_is_not_for_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    client = WitnessClient()
    async with listening(answer("200 OK", b"")) as server:
        assert (await client(server.url, BODY)).status == 200
    await client.aclose()


async def test_redirects_are_an_answer(client: WitnessClient) -> None:
    async with listening(answer("307 Temporary Redirect", b"", "Location: /other")) as server:
        assert (await client(server.url, BODY)).status == 307
    assert len(server.bodies) == 1


async def unavailable(ask: Callable[[], Awaitable[object]]) -> str:
    with pytest.raises(Unavailable) as told:
        await ask()
    return str(told.value)


async def test_one_that_is_not_there(client: WitnessClient) -> None:
    async with listening(b"") as server:
        pass
    assert "cannot be reached" in await unavailable(lambda: client(server.url, BODY))


@pytest.mark.parametrize(
    "garbage", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"]
)
async def test_one_that_does_not_speak_http(client: WitnessClient, garbage: bytes) -> None:
    async with listening(garbage) as server:
        assert "cannot be reached" in await unavailable(lambda: client(server.url, BODY))


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nli"])
async def test_one_that_hangs_is_given_up(
    client: WitnessClient, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witnesses, "TIMEOUT_SECONDS", 0.1)
    async with listening(begun, hang=True) as server:
        assert "within 0.1 s" in await unavailable(lambda: client(server.url, BODY))


async def test_an_answer_has_a_bound(client: WitnessClient) -> None:
    async with listening(answer("200 OK", b"x" * (MAX_ANSWER + 1))) as server:
        assert "over 65536 bytes" in await unavailable(lambda: client(server.url, BODY))
    async with listening(answer("200 OK", b"x" * MAX_ANSWER)) as server:
        assert len((await client(server.url, BODY)).body) == MAX_ANSWER


async def test_what_is_packed_is_not_unpacked(client: WitnessClient) -> None:
    async with listening(answer("200 OK", b"bomb", "Content-Encoding: gzip")) as server:
        assert (await client(server.url, BODY)).body == b"bomb"


@pytest.mark.parametrize("url", ["http://w.example", "https://w.example/prefix", "http://[::1]:1/"])
def test_urls_of_witnesses(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "w.example",
        "ftp://w.example",
        "https://",
        "https://a:b@w.example",
        "https://w/?x",
        "http://w:x",
    ],
)
def test_what_is_no_url_of_a_witness(url: str) -> None:
    with pytest.raises(Malformed):
        check_url(url)
