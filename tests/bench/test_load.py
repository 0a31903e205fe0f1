from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bench.load import Connection, Failed, drive, request_bytes, summary


def test_quantiles_are_in_milliseconds_and_rates_in_seconds() -> None:
    found = summary([number / 1000 for number in range(1, 101)], 2.0)
    assert found.rate == 50
    assert found.p50 == pytest.approx(50.5)
    assert found.p95 == pytest.approx(95.95)
    assert found.p99 == pytest.approx(99.99)
    assert summary([0.002], 1.0).p99 == 2


def test_a_request_says_how_long_its_body_is() -> None:
    raw = request_bytes("POST", "/x", "é".encode(), {"A": "b"})
    assert raw == b"POST /x HTTP/1.1\r\nHost: bench\r\nContent-Length: 2\r\nA: b\r\n\r\n\xc3\xa9"


@pytest.mark.anyio
async def test_an_answer_may_come_in_pieces() -> None:
    pieces = [b"HTTP/1.1 200 OK\r\nConte", b"nt-length: 5\r\n\r", b"\nhe", b"llo"]

    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.001)
        writer.close()
        await writer.wait_closed()
        over.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    connection = await Connection.open(server.sockets[0].getsockname()[1])
    assert await connection.ask(request_bytes("GET", "/")) == (200, b"hello")
    assert await connection.ask(request_bytes("GET", "/")) == (200, b"hello")
    assert connection.head == b"http/1.1 200 ok\r\ncontent-length: 5"
    await over.wait()
    with pytest.raises(ConnectionResetError, match="hung up"):
        await connection.ask(request_bytes("GET", "/"))
    with pytest.raises(ConnectionResetError, match="hung up"):
        await connection.ask(request_bytes("GET", "/"))
    connection.close()
    server.close()
    await server.wait_closed()


def test_a_bad_answer_ends_the_benchmark() -> None:
    class Refusing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(Failed, match="503"):
            drive(server.server_address[1], [request_bytes("GET", "/")] * 3, connections=1)
        thread.join()
