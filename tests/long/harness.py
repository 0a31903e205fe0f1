"""Real processes, started and killed, and clients that remember everything they were promised.

Program   one `order-history` process with its children
Load      writing clients; each insists on its event until it is acknowledged
verify    what was promised, against what is stored and recomputed
"""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec
import psutil  # type: ignore[import-untyped]
import psycopg
from msgspec import Struct

from infrastructure.event_store.auditing import audit, gaps
from infrastructure.postgres.connect import address, connect_one
from infrastructure.postgres.embedded import EmbeddedPostgres, has_cluster
from interfaces.composition.models import models as read_models
from interfaces.settings import Settings
from projections.progress import status
from projections.rebuild import compare
from projections.reconciling.place import reconciled
from projections.registry import NAMES

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "interfaces.cli.main"]
WRITERS = 32
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


class Promise(Struct, frozen=True):
    """What a client was told about its event."""

    sequence: int
    sha256: str
    ledger_hash: str


class Load:
    """Writing clients over several addresses, until left. rate: events a second that all of them
    send together, at most. `promised`: (tenant, event_id) -> what
    the acknowledgement said. `codes`: how often which answer or failure came. `refusals`: seconds
    that each refusal took. `wrong`: answers that are neither an acknowledgement nor an honest 503.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        tokens: Mapping[str, str],
        *,
        writers: int = WRITERS,
        note_bytes: int = 0,
        rate: float | None = None,
    ) -> None:
        self._addresses = addresses
        self._tokens = tokens
        self._writers = writers
        self._note_bytes = note_bytes
        self._rate = rate
        self._next = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._going = asyncio.Event()
        self._going.set()
        self._resting = 0
        self.promised: dict[tuple[str, str], Promise] = {}
        self.codes: Counter[int | str] = Counter()
        self.wrong: list[str] = []
        self.refusals: list[float] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._write(n)) for n in range(self._writers)]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def finish(self) -> None:
        """Let every client get its last answer."""
        self._stopping = True
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._tasks)

    @asynccontextmanager
    async def resting(self) -> AsyncIterator[None]:
        """Every client has its last answer, and none begins anew until this is left: so what is
        stored is exactly what was promised, and it stands still while it is looked at."""
        self._going.clear()
        try:
            await until(lambda: self._checked(self._resting == self._writers), "rest")
            yield
        finally:
            self._going.set()

    async def more(self, count: int) -> float:
        """Until `count` further events are acknowledged; seconds that it took."""
        goal = len(self.promised) + count
        reached = f"{count} acknowledgements"
        return await until(lambda: self._checked(len(self.promised) >= goal), reached)

    def _checked(self, reached: bool) -> bool:
        """The same; raises what ended a client that should go on."""
        for task in self._tasks:
            if task.done() and not self._stopping:
                task.result()
        return reached

    async def _write(self, writer: int) -> None:
        tenant = list(self._tokens)[writer % len(self._tokens)]
        random_ = random.Random(writer)
        headers = {
            "Authorization": f"Bearer {self._tokens[tenant]}",
            "Content-Type": "application/json",
        }
        base = self._addresses[writer % len(self._addresses)]
        number = 0
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as client:
            while not self._stopping:
                await self._rest()
                await self._due()
                number += 1
                event = an_event(random_, writer, number, self._note_bytes)
                await self._insist(client, tenant, event)

    async def _rest(self) -> None:
        self._resting += 1
        await self._going.wait()
        self._resting -= 1

    async def _due(self) -> None:
        """Wait until the next event is due. What the service did not take in time is made up."""
        if self._rate:
            self._next = (self._next or time.monotonic()) + 1 / self._rate
            await asyncio.sleep(self._next - time.monotonic())

    async def _insist(self, client: httpx.AsyncClient, tenant: str, event: dict[str, Any]) -> None:
        body = msgspec.json.encode(event)
        while True:
            started = time.monotonic()
            try:
                answer = await client.post("/v1/order-history/events", content=body)
            except httpx.TransportError as error:
                self.codes[type(error).__name__] += 1
            else:
                self.codes[answer.status_code] += 1
                if answer.status_code in {200, 201}:
                    view = answer.json()
                    self.promised[tenant, event["event_id"]] = Promise(
                        view["sequence"],
                        view["integrity"]["sha256"],
                        view["integrity"]["ledger_hash"],
                    )
                    return
                self._refused(answer, time.monotonic() - started)
            await asyncio.sleep(0.1)

    def _refused(self, answer: httpx.Response, seconds: float) -> None:
        self.refusals.append(seconds)
        if answer.status_code != 503 or "Retry-After" not in answer.headers:
            self.wrong.append(f"{answer.status_code} {answer.text[:200]}")


TYPES = ("order.created", "order.payment.succeeded", "order.note.added", "order.shipped")


def an_event(random_: random.Random, writer: int, number: int, note_bytes: int) -> dict[str, Any]:
    """One of an order's life: mostly with a person in it, often late, sometimes a correction."""
    event_id = f"w{writer}-{number}"
    payload: dict[str, Any] = {"total_minor": number, "customer": {"id": f"c{writer}"}}
    payload["customer"]["email"] = f"c{writer}@example.org"
    if note_bytes:
        payload["note"] = random_.randbytes(note_bytes // 2).hex()
    event = {
        "event_id": event_id,
        "order_id": f"o{writer}-{number // 8}",
        "occurred_at": f"2025-0{random_.randint(1, 9)}-01T00:00:{number % 60:02}Z",
        "source": "load",
        "type": TYPES[number % len(TYPES)],
        "schema_version": "v1",
        "payload": payload,
        "metadata": {"actor_id": f"u{writer % 5}", "actor_type": "system"},
    }
    if number % 8 == 5:
        event |= {"type": "order.correction", "correction_of": f"w{writer}-{number - 1}"}
        event["payload"] = {"correction": "a slip", "patch": {"total_minor": -number}}
    return event


STORED = "select tenant_id, event_id, sequence, entry, ledger_hash from events"
WHOLE = """
select tenant_id, count(*), max(sequence), count(distinct event_id) from events group by tenant_id
"""


def verify(url: str, promised: Mapping[tuple[str, str], Promise]) -> int:
    """Every promise is kept, no sequence or position is missing, every chain recomputes from the
    stored bytes. Returns how many events there are."""
    kept = dict(promised)  # before anything is read: what was promised until now
    with psycopg.connect(address(url, "cell_0", name="verify", as_owner=True)) as connection:
        stored = {
            (row[0], row[1]): Promise(row[2], row[3].hex(), row[4].hex())
            for row in connection.execute(STORED)
        }
        broken = [key for key, promise in kept.items() if stored.get(key) != promise]
        assert not broken, f"{len(broken)} broken promises, the first: {broken[0]}"
        for tenant, count, last, distinct in connection.execute(WHOLE).fetchall():
            assert count == last == distinct, f"{tenant}: {count} events up to sequence {last}"
        held, differences = audit(connection)
        assert differences == []
        assert held >= len(stored)
        assert gaps(connection) == 0
    return len(stored)


async def verify_followed(url: str) -> None:
    """The read models reach the end of the store, nothing was left out, and the reconciler had
    nothing to put right."""
    started = time.monotonic()
    async with await connect_one(url, "cell_0", name="verify models", as_owner=True) as connection:
        while True:
            models = await status(connection, NAMES)
            assert all(model.dead_letters == 0 for model in models)
            assert (await reconciled(connection)).healed == 0
            if all(model.lag == 0 for model in models):
                return
            assert time.monotonic() - started < PATIENCE, f"the read models stay behind: {models}"
            await asyncio.sleep(0.1)


async def verify_read_models(url: str, data_dir: Path) -> None:
    """The same, and they are what a rebuild would make of the store."""
    await verify_followed(url)

    async def connect() -> Any:
        return await connect_one(url, "cell_0", name="verify models", as_owner=True)

    assert await compare(connect, read_models(Settings(url, data_dir))) == []
