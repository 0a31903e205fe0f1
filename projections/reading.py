"""Reads the event store for the read models: each event once, decoded once for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from psycopg import AsyncConnection

from domain.orders.maintenance import is_maintenance
from domain.times import to_us

BATCH_EVENTS = 1000
BATCH_BYTES = 8 * 1024 * 1024

Connection = AsyncConnection[Any]

# Positions have no gaps, so a range of them is a batch. The sum keeps a run of large events from
# filling the memory; it reads lengths only, not the bytes. The first event always fits.
_READ = """
select position, tenant_id, sequence, originator_id, originator_version, received_us, topic, state
  from (select *, sum(octet_length(state)) over (order by position) as through
          from events
         where position > %(after)s and position <= %(up_to)s) as e
 where through - octet_length(state) < %(bytes)s
 order by position
"""


_READ_HISTORIES = """
select position, tenant_id, sequence, originator_id, originator_version, received_us, topic, state
  from events
 where originator_id = any(%s::uuid[]) and position <= %s
 order by originator_id, originator_version
"""

FOLLOWING = (
    "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;"
    " set enable_bitmapscan = off; set synchronous_commit = off"
)
"""For connections that apply events: look rows up by index, for a plan made while a table was empty
outlives that; and let rows and tracking vanish together in a crash, to be applied again."""


class Notification(Struct, gc=False):
    """A committed event as read models see it: where it stands, and what they filter on.

    `order_id` is None for the service's own `history.*` events, which have a `stream`; `actor_id`
    for an event without a usable actor, `source_sequence` for one that its source has not numbered.
    Personal values in the payload are digests. `metadata` has what is searched of it
    (domain/search/fields.py), if any.
    `maintenance`: see domain/orders/maintenance.py. `redactions`: JSON pointers at which a card
    number was replaced.
    """

    position: int
    tenant_id: str
    sequence: int
    originator_id: UUID
    version: int
    received_us: int
    topic: str
    event_id: str
    correction_of: str | None
    order_id: str | None
    type: str
    source: str
    occurred_at: str
    occurred_us: int
    actor_id: str | None
    actor_type: str | None
    raw_payload: Raw
    source_sequence: int | None = None
    metadata: Mapping[str, Any] | None = None
    stream: str | None = None
    maintenance: bool = False
    redactions: Sequence[str] = ()
    _decoded: dict[str, Any] | UnsetType = UNSET

    @property
    def payload(self) -> dict[str, Any]:
        """The payload, decoded when first asked for. Shared by all models: read it only."""
        if self._decoded is UNSET:
            self._decoded = _decode_payload(self.raw_payload)
        return self._decoded


class Broken(Struct, frozen=True):
    """Stored bytes that are not an event: no model can apply them."""

    position: int
    tenant_id: str
    sequence: int
    error: str


class Batch(Struct, frozen=True):
    """The events at positions above `start`, up to and including `end`."""

    start: int
    end: int
    events: Sequence[Notification]
    broken: Sequence[Broken] = ()

    def halves(self) -> tuple[Batch, Batch]:
        """Two batches that are this one. It must hold two events at least."""
        middle = len(self.events) // 2
        border = self.events[middle - 1].position
        return (
            Batch(
                self.start,
                border,
                self.events[:middle],
                [one for one in self.broken if one.position <= border],
            ),
            Batch(
                border,
                self.end,
                self.events[middle:],
                [one for one in self.broken if one.position > border],
            ),
        )


class _Metadata(Struct):
    """The part of `metadata` that read models use. Producers may put anything in it."""

    actor_id: Any = None
    actor_type: Any = None
    source_sequence: Any = None
    correlation_id: Any = None
    causation_id: Any = None
    maintenance: Any = None
    audit: Any = None


class _Body(Struct):
    """The part of the event bytes (`domain.orders.events.EventBody`) that read models use."""

    event_id: str
    occurred_at: str
    payload: Raw
    source: str
    type: str
    correction_of: str | None = None
    metadata: _Metadata | None = None
    order_id: str | None = None
    redactions: tuple[str, ...] = ()
    stream: str | None = None


_NO_METADATA = _Metadata()
_decode_body = msgspec.json.Decoder(_Body).decode
_decode_payload = msgspec.json.Decoder(dict[str, Any]).decode
_LONGEST_ID = 200
_HIGHEST = 2**53 - 1  # the largest integer that an event may hold


async def read_batch(
    connection: Connection,
    after: int,
    *,
    up_to: int | None = None,
    events: int = BATCH_EVENTS,
    size: int = BATCH_BYTES,
) -> Batch:
    """The next events behind position `after`, at most `events` of them and about `size` bytes.

    `up_to` is the last position wanted. At the end of the store: a batch with start == end.
    """
    last = after + events if up_to is None else min(after + events, up_to)
    parameters = {"after": after, "up_to": last, "bytes": size}
    cursor = await connection.execute(_READ, parameters, binary=True)
    rows = await cursor.fetchall()
    return decode_batch(after, rows)


async def read_histories(
    connection: Connection, originators: Sequence[UUID], up_to: int
) -> dict[UUID, list[Notification]]:
    """All readable events of these orders up to a position, by version."""
    cursor = await connection.execute(_READ_HISTORIES, (list(originators), up_to), binary=True)
    histories: dict[UUID, list[Notification]] = {one: [] for one in originators}
    for event in decode_batch(0, await cursor.fetchall()).events:
        histories[event.originator_id].append(event)
    return histories


def decode_batch(start: int, rows: Sequence[tuple[Any, ...]]) -> Batch:
    """Stored rows (position, tenant_id, sequence, originator_id, originator_version, received_us,
    topic, state) as a batch."""
    events: list[Notification] = []
    broken: list[Broken] = []
    for row in rows:
        try:
            events.append(_decode(row))
        except (msgspec.DecodeError, ValueError) as error:
            broken.append(Broken(row[0], row[1], row[2], type(error).__name__))
    return Batch(start, rows[-1][0] if rows else start, events, broken)


def _decode(row: tuple[Any, ...]) -> Notification:
    position, tenant_id, sequence, originator_id, version, received_us, topic, state = row
    body = _decode_body(state)
    metadata = body.metadata or _NO_METADATA
    return Notification(
        position,
        tenant_id,
        sequence,
        originator_id,
        version,
        received_us,
        topic,
        body.event_id,
        body.correction_of,
        body.order_id,
        body.type,
        body.source,
        body.occurred_at,
        # A third of parse_us's time; the stored text is canonical, so both read the same.
        to_us(datetime.fromisoformat(body.occurred_at)),
        _identifier(metadata.actor_id),
        metadata.actor_type if isinstance(metadata.actor_type, str) else None,
        body.payload,
        _number(metadata.source_sequence),
        _searched(metadata),
        body.stream,
        is_maintenance(
            body.type,
            body.correction_of,
            actor_type=metadata.actor_type,
            maintenance=metadata.maintenance,
            audit=metadata.audit,
        ),
        body.redactions,
    )


def _searched(metadata: _Metadata) -> Mapping[str, Any] | None:
    if metadata.correlation_id is None and metadata.causation_id is None:
        return None
    return {
        "correlation_id": metadata.correlation_id,
        "causation_id": metadata.causation_id,
    }


def _number(value: object) -> int | None:
    """A number that a source gives its events one by one; anything else in its place is data."""
    return value if type(value) is int and 0 <= value <= _HIGHEST else None


def _identifier(value: object) -> str | None:
    """An actor id that can be looked up; anything else in its place is data, not an id."""
    usable = isinstance(value, str) and 0 < len(value) <= _LONGEST_ID
    return value if usable and isinstance(value, str) else None
