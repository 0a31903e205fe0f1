"""The rows of the audit log: one of each `history.*` event. Part of the orders read model."""

from __future__ import annotations

from collections.abc import Sequence

from infrastructure.postgres.arrays import BigintColumn, TextColumn, copy_rows
from infrastructure.postgres.order_tables import audit_log
from projections.reading import Connection, Notification

_COLUMNS = "tenant_id, sequence, position, type, target, actor_id, received_us"


class AuditRows:
    """Writes into the table whose name ends in `suffix`."""

    table = audit_log

    def __init__(self, suffix: str = "") -> None:
        self._copy = f"copy {audit_log.name}{suffix} ({_COLUMNS}) from stdin (format binary)"

    async def add(self, connection: Connection, events: Sequence[Notification]) -> None:
        """Add events that are not there yet, these and their actors being in the other tables."""
        acts = [event for event in events if event.stream is not None]
        if not acts:
            return
        rows = copy_rows(
            TextColumn([act.tenant_id for act in acts]),
            BigintColumn([act.sequence for act in acts]),
            BigintColumn([act.position for act in acts]),
            TextColumn([act.type for act in acts]),
            TextColumn([_target(act) for act in acts]),
            TextColumn([act.actor_id for act in acts]),
            BigintColumn([act.received_us for act in acts]),
        )
        async with connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            await copy.write(rows)


def _target(act: Notification) -> str:
    """What an act is about: it says so, or its stream is of that alone."""
    said = act.payload.get("target")
    return said if isinstance(said, str) and said else act.stream or ""
