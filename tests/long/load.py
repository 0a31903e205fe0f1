"""Writing clients that remember everything they were promised."""

from __future__ import annotations

import asyncio
import random
import time
from bisect import bisect_right, insort
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import msgspec
from msgspec import Struct

from tests.long.client import Client
from tests.long.harness import PATIENCE, until

WRITERS = 32
NEWEST = 50
"""Acknowledged events that are kept at hand."""


class Promise(Struct, frozen=True):
    """What a client was told about its event."""

    sequence: int
    sha256: str
    ledger_hash: str


class _Integrity(Struct):
    sha256: str
    ledger_hash: str


class _View(Struct):
    """What is read of an acknowledgement."""

    sequence: int
    integrity: _Integrity


_read_view = msgspec.json.Decoder(_View).decode


class Load:
    """Writing clients over several addresses, until left. rate: events a second that all of them
    send together, at most. `promised`: (tenant, event_id) -> what the acknowledgement said;
    `newest`: the last of them, of each tenant. `codes`: how often which answer or failure came.
    `refusals`: seconds that each refusal took. `wrong`: answers that are neither an acknowledgement
    nor an honest 503.
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
        self.newest: dict[str, deque[tuple[str, Promise]]] = {
            tenant: deque(maxlen=NEWEST) for tenant in tokens
        }
        self._sequences: dict[str, list[int]] = {tenant: [] for tenant in tokens}
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
        number = 0
        address = self._addresses[writer % len(self._addresses)]
        with Client(address, self._tokens[tenant]) as client:
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

    async def _insist(self, client: Client, tenant: str, event: dict[str, Any]) -> None:
        body = msgspec.json.encode(event)
        while True:
            started = time.monotonic()
            try:
                status, answer = await client.post("/v1/order-history/events", body)
            except OSError as error:
                self.codes[type(error).__name__] += 1
            else:
                self.codes[status] += 1
                if status in {200, 201}:
                    self._keep(tenant, event["event_id"], answer)
                    return
                self.refusals.append(time.monotonic() - started)
                if status != 503 or b"\r\nretry-after:" not in client.head:
                    self.wrong.append(f"{status} {answer[:200]!r}")
            await asyncio.sleep(0.1)

    def _keep(self, tenant: str, event_id: str, answer: bytes) -> None:
        view = _read_view(answer)
        told = Promise(view.sequence, view.integrity.sha256, view.integrity.ledger_hash)
        self.promised[tenant, event_id] = told
        self.newest[tenant].append((event_id, told))
        insort(self._sequences[tenant], told.sequence)

    def promised_until(self, tenant: str, sequence: int) -> int:
        """How many of the tenant's events have this sequence or an earlier one."""
        return bisect_right(self._sequences[tenant], sequence)


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
        "metadata": {"actor_id": f"u{writer % 5}", "actor_type": "service"},
    }
    if number % 8 == 5:
        event |= {"type": "order.correction", "correction_of": f"w{writer}-{number - 1}"}
        event["payload"] = {"correction": "a slip", "patch": {"total_minor": -number}}
    return event
