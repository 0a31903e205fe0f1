"""What the use cases of snapshots need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from application.ports import Statement


class SnapshotRow(Struct, frozen=True):
    """A snapshot as stored: `state` and `metadata` are canonical JSON with personal values as
    digests; their disclosures belong to the event at `sequence`."""

    snapshot_id: str
    order_id: str
    captured_us: int
    captured_at: str
    source: str
    sequence: int
    size_bytes: int
    state: bytes
    metadata: bytes | None


class SnapshotStore(Protocol):
    """Reads snapshots; writes go through the door, in the transaction of their event."""

    async def get(self, tenant_id: str, snapshot_id: str) -> SnapshotRow | None: ...

    async def of_order(
        self, tenant_id: str, order_id: str, after: tuple[int, str] | None, limit: int
    ) -> Sequence[SnapshotRow]:
        """By (captured_us, snapshot_id), ascending, without their states."""
        ...

    def insertion(self, tenant_id: str, row: SnapshotRow) -> Statement: ...

    def removal(self, tenant_id: str, snapshot_id: str, sequence: int) -> Sequence[Statement]:
        """The snapshot and the disclosures of the event at `sequence`."""
        ...
