"""The door on a real database, connections that fail when told to, and a second opinion."""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection

from application.ports import Accepted, Beside, Outcome
from domain.orders.events import Draft, Incoming
from domain.privacy.sealing import seal
from infrastructure.event_store.appending import Appending
from infrastructure.event_store.auditing import audit, gaps
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.statements import COMMITTER_SETTINGS
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool, connect_one
from infrastructure.postgres.wire import Answer, Part, Wire
from infrastructure.privacy.keyring import Keyring

_numbers = itertools.count(1)


def fresh(kind: str) -> str:
    """A name that no other test uses."""
    return f"{kind}{next(_numbers)}"


def now_us() -> int:
    return time.time_ns() // 1000


def personal(
    event_id: str,
    order_id: str,
    tenant_id: str,
    *,
    metadata: dict[str, Any] | None = None,
    **payload: Any,
) -> Draft:
    """The draft of a note, whose text is personal; with `metadata`, the actor's address too."""
    incoming = Incoming(
        event_id=event_id,
        order_id=order_id,
        occurred_at="2025-08-29T12:34:56Z",
        occurred_us=1_756_470_896_000_000,
        source="shop",
        type="order.note.added",
        schema_version="v1",
        payload=payload or {"note": f"about {event_id}"},
        metadata=metadata,
    )
    return seal(incoming, tenant_id, random_bytes=os.urandom)


@asynccontextmanager
async def committing(
    url: str,
    key_store: FileKeyStore,
    *,
    clock: Callable[[], int] = now_us,
    connect: Callable[[], Any] | None = None,
    **options: Any,
) -> AsyncIterator[Committer]:
    """A committer of its own, as the composition root makes it."""

    async def connect_plainly() -> Wire:
        return Wire(await _connect(url, "test committer"))

    appending = Appending(Keyring(key_store), clock, **options)
    committer = Committer(connect or connect_plainly, appending)
    await committer.start()
    yield committer
    await committer.close()


def accepted(outcomes: Sequence[Outcome]) -> list[Accepted]:
    assert all(isinstance(outcome, Accepted) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, Accepted)]


async def plans(pool: Pool, part: str) -> tuple[int, int]:
    """How often one connection carried out a statement with a plan it kept, and with a new one."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "select generic_plans, custom_plans from pg_prepared_statements"
            " where statement like %s and statement not like '%%pg_prepared%%'",
            (f"%{part}%",),
        )
        ((kept, new),) = await cursor.fetchall()
    return kept, new


def note(table: str, value: str) -> Beside:
    """A statement beside the events: one row in a table of the test's."""
    return lambda _outcomes: [(f"insert into {table} values (%s)", (value,))]


class FaultyWire(Wire):
    """Loses its socket around a commit, as often as it is told: before the server hears of the
    commit, or after the server has carried it out and before anybody here hears of that."""

    def __init__(self, connection: AsyncConnection[Any], faults: list[str]) -> None:
        super().__init__(connection)
        self.faults = faults

    @classmethod
    def connecting(cls, url: str, faults: list[str]) -> Callable[[], Any]:
        async def connect() -> FaultyWire:
            return cls(await _connect(url, "test faulty"), faults)

        return connect

    def part(self) -> Part:
        part = FaultyPart(self, self._pg)
        part.faults = self.faults
        self._under_way.append(part)
        return part


class FaultyPart(Part):
    faults: list[str]
    _committing = False

    def run(self, statement: str, *parameters: object) -> Answer:
        if statement == "commit" and self.faults:
            if self.faults[0] == "before":
                self.faults.pop(0)
                self._pg.finish()
                raise psycopg.OperationalError("the socket went before the commit")
            self._committing = True
        return super().run(statement, *parameters)

    async def done(self) -> None:
        await super().done()
        if self._committing:
            assert self.faults.pop(0) == "after"
            self._pg.finish()
            raise psycopg.OperationalError("the socket went after the commit")


async def _connect(url: str, name: str) -> AsyncConnection[Any]:
    return await connect_one(url, "cell_0", name=name, settings=COMMITTER_SETTINGS)


class Ledger:
    """What a superuser sees of the cell, for judging it."""

    def __init__(self, connection: Connection[Any]) -> None:
        self.connection = connection

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement.encode(), parameters).fetchall()

    def event_ids(self, tenant_id: str) -> list[str]:
        """By sequence."""
        found = self.rows(
            "select event_id from events where tenant_id = %s order by sequence", tenant_id
        )
        return [row[0] for row in found]

    def check(self) -> int:
        """Positions and sequences without a gap, versions too, received_at growing, entry and
        chain as the formats say; and the project's own audit agrees. Returns how many events."""
        sequences: dict[str, int] = defaultdict(int)
        versions: dict[object, int] = defaultdict(int)
        chain: dict[str, bytes] = defaultdict(lambda: bytes(32))
        received, count = 0, 0
        for row in self.rows(
            "select position, tenant_id, sequence, originator_id, originator_version, received_us,"
            " entry, ledger_hash, state from events order by position"
        ):
            count += 1
            tenant = row[1]
            sequences[tenant] += 1
            versions[row[3]] += 1
            entry = hashlib.sha256(row[8]).digest()
            chain[tenant] = hashlib.sha256(b"\x02" + chain[tenant] + entry).digest()
            assert row[0] == count
            assert (row[2], row[4]) == (sequences[tenant], versions[row[3]])
            assert (row[6], row[7]) == (entry, chain[tenant])
            assert row[5] >= received
            received = row[5]
        assert audit(self.connection) == (count, [])
        assert gaps(self.connection) == 0
        return count


@contextmanager
def triggers_off(ledger: Ledger) -> Iterator[None]:
    """As only the owner of the table, or a superuser, can."""
    ledger.connection.execute("alter table events disable trigger all")
    yield
    ledger.connection.execute("alter table events enable trigger all")
    ledger.connection.execute("alter table events enable always trigger events_append_only")
    ledger.connection.execute("alter table events enable always trigger events_no_truncate")
