"""Pages of events with what is disclosed of them, in one trip to the database."""

from __future__ import annotations

from collections.abc import Sequence

from application.ports import StoredRow
from domain.privacy.sealing import Opened
from infrastructure.event_store.reader import BODIES, in_order
from infrastructure.postgres.arrays import BigintColumn
from infrastructure.postgres.connect import Pool, store_errors
from infrastructure.privacy.disclosures import OF_EVENTS, StoredDisclosures


class Pages:
    """Implements `application.ports.EventPages` on a pool of connections of one cell."""

    def __init__(self, pool: Pool, disclosures: StoredDisclosures) -> None:
        self._pool = pool
        self._disclosures = disclosures

    async def page(
        self, tenant_id: str, positions: Sequence[int], disclosing: Sequence[int]
    ) -> tuple[list[StoredRow], Opened]:
        if not positions:
            return [], Opened()
        with store_errors():
            async with self._pool.wire() as wire:
                part = wire.part()
                bodies = part.run(BODIES, tenant_id, BigintColumn(positions))
                sealed = None
                if disclosing:
                    sealed = part.run(OF_EVENTS, tenant_id, BigintColumn(disclosing))
                await part.done()
        disclosed = self._disclosures.opened(tenant_id, sealed.rows() if sealed else ())
        return in_order(bodies.rows(), positions), disclosed
