"""Following a tenant's ledger as it grows: by sequence, without a gap or a repeat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from application.ports import EventReader, StoredRow, Wake

_PAGE = 500
_POLL = 1.0

Wanted = Callable[[StoredRow], bool]


class Tail:
    """Reads by sequence from the event store; a wake-up is only a hint to look."""

    def __init__(self, reader: EventReader, wake: Wake) -> None:
        self._reader = reader
        self._wake = wake

    async def follow(
        self, tenant_id: str, after: int, wanted: Wanted
    ) -> AsyncIterator[tuple[int, list[StoredRow]]]:
        """Yield (last sequence looked at, wanted events up to it); empty pages about each second.

        Ends never; the consumer decides. Raises Unavailable when the store is away.
        """
        while True:
            moment = self._wake.moment()
            rows = await self._reader.after(tenant_id, after, _PAGE)
            if rows:
                after = rows[-1].sequence
            yield after, [row for row in rows if wanted(row)]
            if len(rows) < _PAGE:
                await self._wake.wait(moment, _POLL)
