"""A cell that is recorded in through the door and signed, and what a superuser does to it."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from application.ledger.ports import GLOBAL, ObjectStore
from application.ledger.signatures import open_checkpoint
from domain.errors import Unavailable
from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import tree_root
from infrastructure.event_store.committer import Committer
from infrastructure.ledger.alarms import Alarms
from infrastructure.ledger.object_store import DirectoryStore
from infrastructure.ledger.signer import Signer
from infrastructure.ledger.signing import Signing
from infrastructure.ledger.signing_keys import FileLogKeys
from infrastructure.postgres.connect import Pool, address, connect_one
from projections.hub import Hub
from projections.ledger.model import LedgerModel
from tests.infrastructure.event_store.kit import accepted, now_us, personal
from tests.projections.ledger.ledgers import follow

CELL = "cell_0"
PATIENCE = 60.0
"""Seconds after which something that must come counts as never coming."""

Published = dict[str, bytes]
_numbers = itertools.count(1)


class Cell:
    """url: of a database of the test's own; directory: for keys and published checkpoints."""

    def __init__(self, url: str, directory: Path, committer: Committer, pool: Pool) -> None:
        self.url = url
        self.directory = directory
        self.committer = committer
        self.keys = FileLogKeys(directory / "signing", now_us)
        self.published: ObjectStore = DirectoryStore(directory / "published")
        self.alarms = Alarms(pool, committer, now_us, lambda count: b"r" * count)
        # No test here cuts the power.
        self._target = address(
            url, CELL, name="test signer", settings={"synchronous_commit": "off"}
        )

    async def record(self, tenant_id: str = "acme", count: int = 1) -> None:
        for start in range(0, count, 250):
            drafts = [
                personal(f"e{next(_numbers)}", "o-1", tenant_id)
                for _ in range(min(250, count - start))
            ]
            accepted(await self.committer.submit(drafts))

    async def follow(self) -> None:
        """Let the tiles come to the end of the events."""
        async with await connect_one(self.url, CELL, name="test hub") as connection:
            await follow(connection)

    # -- signing ------------------------------------------------------------------------------

    def connect(self) -> Connection[Any]:
        return psycopg.connect(self._target, autocommit=True)

    @contextmanager
    def session(self, **options: Any) -> Iterator[Signing]:
        with self.connect() as connection:
            yield Signing(connection, self.keys, now_us, **options)

    async def sign(self, **counts: int) -> Signing:
        """Record so many events of these tenants, and sign them in a session of its own."""
        for tenant_id, count in counts.items():
            await self.record(tenant_id, count)
        await self.follow()
        with self.session() as signing:
            while signing.turn().more:
                pass
        return signing

    def signer(self, **options: Any) -> Signer:
        given = {"keys": self.keys, "published": self.published, "alarms": self.alarms,
                 "clock": now_us, "interval": 0.01, **options}  # fmt: skip
        return Signer(self.connect, **given)

    @asynccontextmanager
    async def signed_by(self, *signers: Signer) -> AsyncIterator[None]:
        """Signers and a hub that work meanwhile."""
        hub = Hub(
            lambda: connect_one(self.url, CELL, name="test hub"), "none", [LedgerModel()], poll=0.01
        )
        async with meanwhile(hub.run, *(one.run for one in signers)):
            yield

    # -- what is there ------------------------------------------------------------------------

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """As a superuser."""
        target = address(self.url, CELL, name="test superuser", as_owner=True)
        with psycopg.connect(target, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def tamper(self, table: str, statement: str, *parameters: Any) -> None:
        """As a superuser, whom no trigger keeps from it."""
        target = address(self.url, CELL, name="test superuser", as_owner=True)
        with psycopg.connect(target) as connection:
            connection.execute(f"alter table {table} disable trigger all".encode())
            assert connection.execute(statement.encode(), parameters).rowcount > 0
            for trigger in ("append_only", "no_truncate"):
                enable = f"alter table {table} enable always trigger {table}_{trigger}"
                connection.execute(enable.encode())

    def entries(self) -> dict[str, list[bytes]]:
        """Of each log; those of the global one are its rounds'."""
        found: dict[str, list[bytes]] = defaultdict(list)
        for tenant_id, entry in self.rows(
            "select tenant_id, entry from events order by tenant_id, sequence"
        ):
            found[tenant_id].append(entry)
        found[GLOBAL] = [
            entry
            for (entry,) in self.rows(
                "select entry from ledger_rounds where round > 0 order by epoch, round"
            )
        ]
        return found

    def checkpoints(self) -> dict[str, list[int]]:
        """The sizes of each log's checkpoints, after holding every one against the entries."""
        notes = self.rows(
            "select tenant_id, size, note from ledger_checkpoints order by tenant_id, size"
        )
        entries = self.entries()  # read last: it may hold more
        sizes: dict[str, list[int]] = defaultdict(list)
        for tenant_id, size, note in notes:
            origin = f"{self.keys.service_origin}/{tenant_id}"
            opened = open_checkpoint(note, self.keys.verifier_keys(origin)).checkpoint
            root = tree_root(map(leaf_hash, entries[tenant_id][:size]))
            assert (opened.origin, opened.size, opened.root) == (origin, size, root)
            sizes[tenant_id].append(size)
        return sizes

    def sizes(self) -> dict[str, int]:
        """Of the newest checkpoint of each tenant's log, held as `checkpoints` does."""
        return {one: sizes[-1] for one, sizes in self.checkpoints().items() if one != GLOBAL}

    def rounds(self) -> int:
        ((count,),) = self.rows("select count(*) from ledger_rounds where round > 0")
        return int(count)

    def on_disk(self) -> Published:
        root = self.directory / "published"
        return {
            str(one.relative_to(root)): one.read_bytes() for one in root.rglob("*") if one.is_file()
        }

    def to_be_published(self) -> Published:
        """By the definition: <log>/<epoch>/checkpoint/<size>."""
        return {
            f"{tenant_id}/{epoch}/checkpoint/{size}": note.encode()
            for tenant_id, epoch, size, note in self.rows(
                "select tenant_id, epoch, size, note from ledger_checkpoints where in_full"
            )
        }

    def standing(self) -> dict[str, str]:
        """Tenant -> detail of the alarms."""
        return dict(self.rows("select tenant_id, detail from ledger_alarms where kind = 'signer'"))

    def recorded_alarms(self, tenant_id: str) -> int:
        ((count,),) = self.rows(
            "select count(*) from events where tenant_id = %s and event_id like %s",
            tenant_id, "oh_evt_history.ledger.alarm/signer/%",
        )  # fmt: skip
        return int(count)


class Storage:
    """A directory that can be away, or hang, and remembers in which order it was written to."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner
        self.away = False
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()
        self.order: list[str] = []

    async def put(self, objects: Mapping[str, bytes]) -> None:
        self.asked.set()
        await self.open.wait()
        if self.away:
            raise Unavailable("the storage does not answer")
        await self.inner.put(objects)
        self.order += objects

    async def get(self, key: str) -> bytes | None:
        return await self.inner.get(key)

    async def largest(self, prefix: str) -> int | None:
        return await self.inner.largest(prefix)


@asynccontextmanager
async def meanwhile(*runs: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """They run until this is left, and none of them ends before."""
    tasks = [asyncio.create_task(run()) for run in runs]
    try:
        yield
        over = [task for task in tasks if task.done()]
        assert not over, [task.exception() for task in over]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def signed(cell: Cell, **sizes: int) -> Callable[[], bool]:
    """Whether these sizes are signed, and what is signed holds."""
    return lambda: cell.sizes() == sizes


def published(cell: Cell) -> Callable[[], bool]:
    """Whether all that is signed in full is published, byte for byte, and nothing else."""
    return lambda: cell.rounds() > 0 and cell.on_disk() == cell.to_be_published()


async def until(holds: Callable[[], bool]) -> None:
    """Raises TimeoutError when it never does."""
    async with asyncio.timeout(PATIENCE):
        while not await asyncio.to_thread(_quietly, holds):  # noqa: ASYNC110  # a database tells
            await asyncio.sleep(0.02)


def _quietly(holds: Callable[[], bool]) -> bool:
    with suppress(psycopg.OperationalError):
        return holds()
    return False
