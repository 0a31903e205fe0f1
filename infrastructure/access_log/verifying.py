"""Whether the access log is what the ledger says of it: each batch recomputed from its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from psycopg import Connection

from domain.access.log import DIGESTED, Batch, Entry, batch_id, batch_of
from domain.orders.events import decode_body
from infrastructure.access_log.statements import RANGE
from infrastructure.access_log.store import entry_of

EVENT = "select state from events where tenant_id = %s and event_id = %s"
BATCHES = "select first, last, root from access_batches where tenant_id = %s order by first"
LAST = "select number from access_log where tenant_id = %s order by number desc limit 1"
# The orders by which an entry is found must be those that it names.
NOT_FOUND_BY = """
select l.number from access_log l
 where l.tenant_id = %s and l.number between %s and %s
   and exists (select from unnest(l.orders) as o(order_id)
                where not exists (select from access_log_orders s
                                   where s.tenant_id = l.tenant_id and s.order_id = o.order_id
                                     and s.at_us = l.at_us and s.entry_id = l.entry_id))
 order by l.number limit 1
"""


class Verified(Struct, frozen=True):
    """entries: in how many batches, all of which hold unless `fault` is given: the first batch that
    differs, and how. undigested: entries behind the last batch."""

    entries: int
    batches: int
    undigested: int
    fault: str | None = None


class _Told(Struct):
    """What the event of a batch says."""

    to: int
    count: int
    root: str
    from_: int = msgspec.field(name="from")


def verify(connection: Connection[Any], tenant_id: str) -> Verified:
    """The whole log of a tenant. The ledger's events are taken as they are: `verify ledger` tells
    whether they hold."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        remembered = {row[0]: Batch(*row) for row in connection.execute(BATCHES, (tenant_id,))}
        covered, batches = 0, 0
        for batch in _told_of(connection, tenant_id):
            fault = _fault(connection, tenant_id, batch, remembered.pop(batch.first, None))
            if fault is not None:
                return Verified(covered, batches, 0, f"{_named(batch)}: {fault}")
            covered, batches = batch.last, batches + 1
        for batch in remembered.values():
            fault = f"{_named(batch)}: the ledger does not tell of it"
            return Verified(covered, batches, 0, fault)
        last = connection.execute(LAST, (tenant_id,)).fetchone()
        return Verified(covered, batches, (last[0] if last else covered) - covered)


def _told_of(connection: Connection[Any], tenant_id: str) -> Iterator[Batch]:
    """The batches that the ledger tells of: each begins where the one before it ends."""
    first = 1
    while True:
        row = connection.execute(EVENT, (tenant_id, batch_id(first))).fetchone()
        if row is None:
            return
        body = decode_body(row[0])
        told = msgspec.json.decode(body.payload, type=_Told)
        assert body.type == DIGESTED, "an id that no producer may use"
        yield Batch(told.from_, told.to, bytes.fromhex(told.root))
        first = told.to + 1


def _fault(
    connection: Connection[Any], tenant_id: str, batch: Batch, remembered: Batch | None
) -> str | None:
    """How the rows differ from what the ledger tells of a batch; None: they do not."""
    within = (tenant_id, batch.first, batch.last)
    rows = connection.execute(RANGE, within).fetchall()
    for number, row in enumerate(rows, batch.first):
        if row[0] != number:
            return f"entry {number} is missing"
    if len(rows) != batch.last - batch.first + 1:
        return f"entry {batch.first + len(rows)} is missing"
    if batch_of(batch.first, _entries(tenant_id, rows)) != batch:
        return "an entry is not what it was"
    if (lost := connection.execute(NOT_FOUND_BY, within).fetchone()) is not None:
        return f"entry {lost[0]} is not found by one of its orders"
    if remembered != batch:
        return "its own row differs"
    return None


def _entries(tenant_id: str, rows: Sequence[Sequence[Any]]) -> Iterator[Entry]:
    return (entry_of(tenant_id, row[1:]) for row in rows)


def _named(batch: Batch) -> str:
    return f"batch from {batch.first} to {batch.last}"
