"""Traces on their way into the read models: those of events that are not in every model yet.

Whoever applies a batch has read its traces before that, and they go only when every model is past
them. So they are there for the one that applies, however many hubs there are (ADR 0027).
"""

from __future__ import annotations

from collections.abc import Sequence

from application.watching.tracing import Traced
from infrastructure.postgres.connect import Pool, store_errors
from projections.progress import positions
from projections.reading import Batch, Connection

TRACES = "select position, traceparent from traces where position > %s and position <= %s"
PRUNE = "delete from traces where position <= %s"


async def traced_in(connection: Connection, batch: Batch) -> list[Traced]:
    """The events of a batch whose requests are traced."""
    cursor = await connection.execute(TRACES, (batch.start, batch.end))
    traces: dict[int, str] = dict(await cursor.fetchall())
    return [
        Traced(traces[event.position], event.received_us)
        for event in (batch.events if traces else ())
        if event.position in traces
    ]


class PruneTraces:
    """Takes away what every read model has passed. Run it also where tracing is off: another
    process may have been told otherwise."""

    def __init__(self, pool: Pool, names: Sequence[str]) -> None:
        self._pool = pool
        self._names = names

    async def __call__(self) -> int:
        """How many are gone. Raises Unavailable."""
        with store_errors():
            async with self._pool.connection() as connection:
                at = await positions(connection, self._names)
                if len(at) < len(self._names):
                    return 0
                cursor = await connection.execute(PRUNE, (min(at.values()),))
                return cursor.rowcount
