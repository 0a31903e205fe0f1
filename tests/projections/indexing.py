"""An index for tests of read models, with a fixed secret and what a test says is disclosed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.errors import KeyUnavailable
from domain.search.hashing import TermHash
from projections.orders.model import OrdersModel
from projections.reading import Connection
from projections.search.entries import Indexing

HASHES = TermHash(bytes(range(32)))


class Told:
    """Implements `projections.search.entries.Disclosed` with a dictionary digest -> value, the
    same for all events; `away`: it does not answer. `asked` counts the questions."""

    def __init__(self, values: Mapping[str, object] | None = None, *, away: bool = False) -> None:
        self.values = dict(values or {})
        self.away = away
        self.asked = 0

    async def of(
        self, connection: Connection, events: Sequence[tuple[str, int]]
    ) -> Mapping[tuple[str, int], Mapping[str, object]]:
        self.asked += 1
        if self.away:
            raise KeyUnavailable
        return dict.fromkeys(events, self.values)


INDEXING = Indexing(HASHES, Told())


def orders_model() -> OrdersModel:
    """The orders read model, nothing being disclosed."""
    return OrdersModel(INDEXING)
