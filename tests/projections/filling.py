"""Puts events of the stored form into the event store, without the write path."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection

from domain.times import format_us

START_US = 1_735_689_600_000_000
"""2025-01-01T00:00:00Z"""

_COPY = (
    "copy events (position, originator_id, originator_version, topic, tenant_id, sequence,"
    " event_id, correction_of, received_us, entry, ledger_hash, state) from stdin"
)


class Fact(Struct):
    """What a test says about an event; the rest is filled in."""

    order_id: str | None
    type: str = "order.note.added"
    payload: dict[str, Any] = {}
    at: int = 0
    """Seconds after START_US."""
    tenant: str = "acme"
    event_id: str | None = None
    correction_of: str | None = None
    source: str = "shop"
    metadata: Any = None
    redactions: list[str] | None = None


class Filling:
    """Appends facts in order of arrival. `rows` remembers what was stored."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._sequences: Counter[str] = Counter()
        self._versions: Counter[UUID] = Counter()
        self.rows: list[tuple[Any, ...]] = []

    @property
    def head(self) -> int:
        return len(self.rows)

    async def add(self, *facts: Fact) -> None:
        await self.add_rows(self.row(fact) for fact in facts)

    async def add_rows(self, rows: Iterable[tuple[Any, ...]]) -> None:
        async with self._connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for row in rows:
                await copy.write_row(row)

    def row(self, fact: Fact) -> tuple[Any, ...]:
        """The next row of `events`; counted as stored."""
        position = self.head + 1
        name = fact.order_id if fact.order_id is not None else "history"
        originator = uuid5(NAMESPACE_URL, f"{fact.tenant}/{name}")
        self._sequences[fact.tenant] += 1
        self._versions[originator] += 1
        received_us = START_US + position * 1_000_000
        state = _state(fact, position, self._versions[originator], received_us)
        row = (
            position,
            originator,
            self._versions[originator],
            "Recorded",
            fact.tenant,
            self._sequences[fact.tenant],
            fact.event_id or f"evt_{position}",
            fact.correction_of,
            received_us,
            hashlib.sha256(state).digest(),
            bytes(32),
            state,
        )
        self.rows.append(row)
        return row


def _state(fact: Fact, position: int, version: int, received_us: int) -> bytes:
    body = {
        "correction_of": fact.correction_of,
        "event_id": fact.event_id or f"evt_{position}",
        "metadata": fact.metadata,
        "occurred_at": format_us(START_US + fact.at * 1_000_000),
        "order_id": fact.order_id,
        "order_version": version if fact.order_id is not None else None,
        "payload": fact.payload,
        "received_at": format_us(received_us),
        "redactions": fact.redactions,
        "salt": "AAAAAAAAAAAAAAAAAAAAAA",
        "schema_version": "v1",
        "source": fact.source,
        "stream": None if fact.order_id is not None else "history",
        "stream_version": None if fact.order_id is not None else version,
        "tenant_id": fact.tenant,
        "type": fact.type,
        "v": 1,
    }
    return msgspec.json.encode({name: value for name, value in body.items() if value is not None})
