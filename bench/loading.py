"""Millions of events into the event store, straight by COPY: chained and placed as the committer
would, without its transactions."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any
from uuid import UUID

from psycopg import Connection

from bench.scale import Say
from domain.ledger.append import LedgerEnd, place
from domain.orders.events import Draft, Recorded

_RECEIVED_FROM_US = 1_767_225_600_000_000
"""2026-01-01: behind all that occurred."""

_AT_ONCE = 50_000
_COLUMNS = (
    "position, originator_id, originator_version, topic, tenant_id, sequence, event_id,"
    " correction_of, received_us, entry, ledger_hash, state"
)
_TYPES = (
    "int8", "uuid", "int4", "text", "text", "int8", "text", "text", "int8", "bytea", "bytea",
    "bytea",
)  # fmt: skip


def load(connection: Connection[Any], drafts: Iterable[Draft], say: Say) -> int:
    """Into an empty event store, over a connection of its owner in autocommit. Returns how many."""
    end = LedgerEnd(0, _RECEIVED_FROM_US, {}, {})
    waiting = iter(drafts)
    while many := list(islice(waiting, _AT_ONCE)):
        with (
            connection.cursor() as cursor,
            cursor.copy(f"copy events ({_COLUMNS}) from stdin (format binary)") as copy,
        ):
            copy.set_types(_TYPES)
            for draft in many:
                copy.write_row(_row(end, draft))
        say(f"{end.position:,} events loaded")
    connection.execute("vacuum analyze events")
    return end.position


def _row(end: LedgerEnd, draft: Draft) -> tuple[object, ...]:
    end.received_us += 1
    (one,) = place(end, [draft])
    if not isinstance(one, Recorded):
        raise TypeError(f"the generator repeats itself: {one}")
    end.tenants[one.tenant_id].located.clear()  # all ids are new: none needs to be found again
    return (
        one.position, UUID(bytes=one.originator), one.originator_version, draft.topic,
        one.tenant_id, one.sequence, draft.event_id, draft.correction_of, one.received_us,
        one.entry, one.ledger_hash, one.state,
    )  # fmt: skip
