"""Real processes, started and killed, for tests that take long."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

from infrastructure.postgres.embedded import EmbeddedPostgres, has_cluster

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "interfaces.cli.main"]
TENANTS = ("acme", "nova", "zeta")
PATIENCE = 120.0
"""Seconds after which something that must come counts as never coming."""


def report(line: str) -> None:
    """A line of progress; run pytest with -s to see it as it comes."""
    sys.stdout.write(f"[{time.strftime('%H:%M:%S')}] {line}\n")
    sys.stdout.flush()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    """One `order-history` command as a process; its own lines go to a file."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*PROGRAM, *self._arguments], cwd=ROOT, stdout=log, stderr=log, process_group=0
            )

    def child(self, name: str) -> psutil.Process | None:
        """The child that runs this command of the program, if it runs just now."""
        with suppress(psutil.NoSuchProcess):
            for process in self._family()[1:]:
                if name in process.cmdline():
                    return process
        return None

    def kill(self) -> None:
        """SIGKILL to the process and all of its children, without a word."""
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if self._process is not None:
            self._process.wait()

    def stop(self, within: float = 30.0) -> int:
        """SIGTERM, as an administrator would; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _family(self) -> list[psutil.Process]:
        assert self._process is not None
        try:
            process = psutil.Process(self._process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


class Installation:
    """`order-history serve` on its own embedded database."""

    def __init__(self, data_dir: Path, log: Path | None = None) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.url = EmbeddedPostgres(data_dir).url()
        self.program = Program(
            log or data_dir / "serve.log",
            "serve",
            "--data-dir",
            str(data_dir),
            "--port",
            str(self.port),
        )
        self.program.start()
        while not has_cluster(data_dir) and self.program.running:
            time.sleep(0.05)
        self.tokens = tokens(data_dir)


def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command of the program, to its end."""
    return subprocess.run(
        [*PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True, check=check
    )


def token(data_dir: Path, tenant: str, *roles: str) -> str:
    """Of a producer who may read as well, or of who has these roles."""
    given = [part for role in roles or ("producer", "investigator") for part in ("--role", role)]
    return run("token", "--tenant", tenant, *given, "--data-dir", str(data_dir)).stdout.strip()


def tokens(data_dir: Path, tenants: Sequence[str] = TENANTS) -> dict[str, str]:
    return {tenant: token(data_dir, tenant) for tenant in tenants}


def kill_postgres(data_dir: Path) -> int:
    """SIGKILL to the postmaster of a data directory and to its children; how many there were."""
    pid = int((data_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
    postmaster = psutil.Process(pid)
    family = [postmaster, *postmaster.children(recursive=True)]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return len(family)


async def until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> float:
    """Waits for what is certain to come; returns how many seconds it took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > patience:
            raise AssertionError(f"never came: {what}")
        await asyncio.sleep(0.02)
    return time.monotonic() - started
