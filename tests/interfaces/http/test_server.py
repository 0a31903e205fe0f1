from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.interfaces.http.stub_server import SECRET

COMMAND = [sys.executable, "-m", "tests.interfaces.http.stub_server"]
TOKEN = {"Authorization": "Bearer events.read"}


@contextmanager
def serving() -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    with subprocess.Popen(
        [*COMMAND, "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            address = next(
                found[1] for line in process.stdout if (found := re.search(r"address=(\S+)", line))
            )
            with httpx.Client(base_url=f"http://{address}", headers=TOKEN, timeout=20) as client:
                yield process, client
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_open_stream_ends_at_a_signal_and_the_composition_closes(number: int) -> None:
    with serving() as (process, client):
        with client.stream("GET", "/v1/order-history/stub/stream") as answer:
            parts = answer.iter_raw()
            first = next(parts)
            process.send_signal(number)
            rest = b"".join(parts)
        output, _ = process.communicate(timeout=20)
    assert first == b"data: 1\n\n"
    assert rest == b": bye\n\n"
    assert "closed" in output
    assert process.returncode == 0


def test_no_server_header_and_no_sniffing() -> None:
    with serving() as (_, client):
        answer = client.get("/healthz")
    assert answer.status_code == 200
    assert "server" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_is_to_be_around_the_application_is() -> None:
    with serving() as (_, client):
        assert client.get("/healthz").headers["x-around"] == "yes"


def test_an_answer_that_breaks_off_leaves_no_message_in_the_log() -> None:
    with serving() as (process, client):
        with pytest.raises(httpx.HTTPError):
            client.get("/v1/order-history/stub/breaks")
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert SECRET not in output
    assert "RuntimeError" in output


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /\xff HTTP/1.1",
        b"GET /%ff%00 HTTP/1.1",
        b"GET //evil HTTP/1.1",
        b"GET * HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"GET http:// HTTP/1.1",
        b"NONSENSE / HTTP/1.1",
        b"GET /healthz?\xff HTTP/1.1",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1",
    ],
)
def test_no_request_line_is_a_500(request_line: bytes) -> None:
    with serving() as (_, client), socket.create_connection(
        (client.base_url.host, client.base_url.port), timeout=20
    ) as connection:  # fmt: skip
        connection.sendall(request_line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        status_line = connection.recv(4096).split(b"\r\n")[0]
        healthy = client.get("/healthz")
    assert re.match(rb"HTTP/1.1 4\d\d ", status_line), status_line
    assert healthy.status_code == 200


def test_a_head_without_end_is_cut_off() -> None:
    with serving() as (_, client), socket.create_connection(
        (client.base_url.host, client.base_url.port), timeout=20
    ) as connection:  # fmt: skip
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(b"a" * 64 * 1024 * 1024)
        assert client.get("/healthz").status_code == 200


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, str(port)], capture_output=True, text=True, timeout=20, check=False
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"cannot listen on 127.0.0.1:{port}: Address already in use\n"
