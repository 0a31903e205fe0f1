"""`make demo`: the real service, a sample through its own API, and what to try next.

    python -m interfaces.demo.demo

Everything lies in data/demo; remove that directory to begin anew.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from interfaces.cli.supervisor import SUPERVISED
from interfaces.demo.hero import BEGAN, BETWEEN_THE_PARCELS
from interfaces.demo.sample import MARGIN, sample
from interfaces.demo.sending import Failed, Sender, patiently
from interfaces.demo.tour import Sent, tour

DATA = Path("data/demo")
LOG = DATA / "serve.log"
HOST, PORT = "127.0.0.1", 8080
START_SECONDS, STOP_SECONDS = 60, 15
PROGRAM = str(Path(sys.executable).with_name("order-history"))
ROLES = ("producer", "investigator")
"""The sample is sent, and the tour asks, with the same token: it may write, and see persons."""


def main() -> int:
    """Runs until it is interrupted; the exit code: 0, or 1 when something could not be done."""
    DATA.mkdir(parents=True, exist_ok=True)
    now = sample_time(DATA / "sample-time", datetime.now(UTC))
    port = free_port(PORT)
    address = f"http://{HOST}:{port}"
    try:
        with _service(port) as service:
            _await_health(service, address)
            tokens: dict[str, str] = {}
            sent = _fill(address, now, tokens)
            moment = now - MARGIN - BEGAN + BETWEEN_THE_PARCELS
            print(tour(address, sent, tokens, moment, LOG), flush=True)
            service.wait()
        error = f"the service has ended; {LOG} says why"
    except KeyboardInterrupt:
        return 0
    except Failed as failed:
        error = str(failed)
    print(f"demo: {error}", file=sys.stderr)
    return 1


def sample_time(path: Path, now: datetime) -> datetime:
    """The moment that this data directory's sample is told from: `now` the first time, and then
    the same for ever, so that sending the sample again records nothing."""
    if not path.exists():
        path.write_text(f"{now.isoformat()}\n")
    return datetime.fromisoformat(path.read_text().strip())


def free_port(first: int) -> int:
    """The first port from `first` on that nobody listens on."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise Failed(f"no free port from {first} to {first + 99}")


@contextmanager
def _service(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`order-history serve`, stopped at the end as an administrator would."""
    print("Starting the service ...", flush=True)
    command = [PROGRAM, "serve", "--data-dir", str(DATA), "--host", HOST, "--port", str(port)]
    with LOG.open("ab") as log:
        # A group of its own: Ctrl-C comes here, and from here, once, to the service.
        # And a pipe that ends when this process does, so that it never outlives the demo.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**os.environ, SUPERVISED: "1"},
            process_group=0,
        )
    try:
        yield process
    finally:
        print("\nStopping ...", flush=True)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()


def _await_health(service: subprocess.Popen[bytes], address: str) -> None:
    for _ in patiently(f"the service does not answer; {LOG} may say why", START_SECONDS):
        if service.poll() is not None:
            raise Failed(f"the service did not start; {LOG} says why")
        with suppress(httpx.TransportError):  # it does not listen yet
            if httpx.get(f"{address}/healthz", timeout=2).is_success:
                return


def _fill(address: str, now: datetime, tokens: dict[str, str]) -> dict[str, Sent]:
    """Send both shops' events; `tokens` gets a token for each."""
    sent = {}
    columns = TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=Console(width=80)) as progress:
        for tenant, events in sample(now).items():
            tokens[tenant] = _token(tenant)
            task = progress.add_task(tenant, total=len(events))
            with Sender(address, tokens[tenant]) as sender:
                for one in sender.send(events):
                    sent[tenant] = one
                    progress.update(task, completed=one.lines)
                sender.await_readable(sent[tenant].last_sequence)
    return sent


def _token(tenant: str) -> str:
    roles = [argument for role in ROLES for argument in ("--role", role)]
    command = [PROGRAM, "token", "--tenant", tenant, *roles, "--subject", "demo"]
    done = subprocess.run(
        [*command, "--data-dir", str(DATA)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Failed(f"no token for {tenant}: {done.stderr.strip()}")
    return done.stdout.strip()


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    argparse.ArgumentParser(
        "make demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    sys.exit(main())
