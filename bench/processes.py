"""Programs under test: each a process of its own, ended by its own handle."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from msgspec import Struct

from bench.ground import environment
from interfaces.settings import Settings

_STARTS_WITHIN = 30.0
_STOPS_WITHIN = 15.0


class Running(Struct, frozen=True):
    """A server: where it listens on loopback, and its process id."""

    port: int
    pid: int


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def program(argv: Sequence[str], settings: Settings) -> Iterator[int]:
    """Run `python -m ...`; yields its process id."""
    process = _start(argv, environment(settings))
    try:
        yield process.pid
    finally:
        _stop(process)


@contextmanager
def server(
    argv: Sequence[str], settings: Settings, more: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """The same with `{port}` filled in, and more in its environment; yields once something answers
    there."""
    port = free_port()
    filled = [part.replace("{port}", str(port)) for part in argv]
    process = _start(filled, {**environment(settings), **(more or {})})
    try:
        _await_answer(port, process)
        yield Running(port, process.pid)
    finally:
        _stop(process)


def processor_seconds(pid: int) -> float:
    """What a process has taken of the processors until now, all its threads, user and system."""
    # Linux: the clock of another process, as clock_getcpuclockid(3) gives it, in ns.
    return time.clock_gettime(~pid << 3 | 2)


def api(*more: str) -> list[str]:
    """Our API process."""
    return ["interfaces.cli.main", "api", "--port", "{port}", *more]


WORKER = ("interfaces.cli.main", "worker")


def handwritten(settings: Settings) -> list[str]:
    """The hand-written server."""
    return ["bench.handwritten", settings.database_url, "{port}"]


def _start(argv: Sequence[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *argv],
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        stderr=None if os.environ.get("BENCH_SHOW") else subprocess.DEVNULL,
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await_answer(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not answer")
