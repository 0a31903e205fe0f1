"""What the committer gives the server, as columns of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.orders.events import Draft, Recorded
from infrastructure.postgres.arrays import (
    BigintColumn,
    BytesColumn,
    Column,
    IntColumn,
    TextColumn,
    UuidColumn,
)
from infrastructure.privacy.keyring import KeyRow


def event_columns(drafts: Sequence[Draft], events: Sequence[Recorded]) -> tuple[Column, ...]:
    """Of INSERT_EVENTS: drafts, and the events that they became, in step."""
    return (
        BigintColumn([event.position for event in events]),
        UuidColumn([event.originator for event in events]),
        IntColumn([event.originator_version for event in events]),
        TextColumn([draft.topic for draft in drafts]),
        TextColumn([event.tenant_id for event in events]),
        BigintColumn([event.sequence for event in events]),
        TextColumn([draft.event_id for draft in drafts]),
        TextColumn([draft.correction_of for draft in drafts]),
        BytesColumn([event.entry for event in events]),
        BytesColumn([event.ledger_hash for event in events]),
        BytesColumn([event.state for event in events]),
    )


def key_columns(rows: Sequence[KeyRow]) -> tuple[Column, ...]:
    """Of INSERT_KEYS."""
    return (
        *texts(row.owner for row in rows),
        UuidColumn([row.key_id.bytes for row in rows]),
        IntColumn([row.bucket for row in rows]),
        UuidColumn([row.bucket_key_id.bytes for row in rows]),
        BytesColumn([row.wrapped for row in rows]),
    )


def texts(rows: Iterable[tuple[str, ...]]) -> tuple[TextColumn, ...]:
    """Columns of rows of texts; there is at least one row."""
    return tuple(TextColumn(column) for column in zip(*rows, strict=True))
