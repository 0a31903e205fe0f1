"""What a run does once values are gone: keys and terms are renewed, and all stores read again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from application.erasure.facts import Facts, digests_of, fact_rows, told_by
from application.erasure.ports import OwnedStore, Rewraps, SearchTerms
from application.erasure.reporting import TERMS, VALUES
from application.ports import OrderHistories
from domain.erasure.facts import Ground
from domain.orders.events import decode_body

_FACTS_AT_ONCE = 20
_ORDERS_AT_ONCE = 2000
"""Facts, of at most a hundred events each, and orders that are looked at together."""
_LISTED = 1000


class Settled(Struct):
    """What the ledger tells of a job, and what the stores still have of that. facts: the sequences
    of the facts; events: those of the events they are about; values: how many are gone."""

    facts: list[int]
    events: set[int] = field(default_factory=set)
    values: int = 0
    orders: dict[str, None] = field(default_factory=dict)
    wrapped: int = 0
    terms: int = 0
    left_values: int = 0
    left_terms: int = 0

    @property
    def is_clean(self) -> bool:
        return self.left_values == 0 and self.left_terms == 0

    @property
    def report(self) -> dict[str, Any]:
        """As part of the job's result."""
        return {
            "orders": len(self.orders),
            "events": len(self.events),
            "values": self.values,
            "facts": self.facts[:_LISTED],
            "stores": [
                {"store": VALUES, "redacted": self.values, "left": self.left_values},
                {"store": "bucket keys", "data_keys_wrapped_anew": self.wrapped},
                {"store": TERMS, "renewed": self.terms, "left": self.left_terms},
                {"store": "keys in the memory of processes", "gone_within_seconds": 60},
                {"store": "backups", "open": "while a copy of the keys from before this is kept"},
            ],
        }


class Settle:
    """Goes by the facts on the ledger: so it does for all attempts of a job what one of them may
    have left undone."""

    def __init__(
        self,
        histories: OrderHistories,
        store: OwnedStore,
        rewrap: Rewraps,
        terms: SearchTerms,
        bucket_of: Callable[[str], int],
    ) -> None:
        self._histories = histories
        self._store = store
        self._rewrap = rewrap
        self._terms = terms
        self._bucket_of = bucket_of

    async def __call__(self, tenant_id: str, ground: Ground, others: set[str]) -> Settled:
        """others: orders of which something may be gone that stands in no event. Raises
        Unavailable, KeyUnavailable."""
        rows = await fact_rows(self._histories, tenant_id, ground)
        settled = Settled([row.sequence for row in rows])
        for start in range(0, len(rows), _FACTS_AT_ONCE):
            told = told_by(rows[start : start + _FACTS_AT_ONCE])
            await self._reread(tenant_id, told, settled)
        rekeyed = (*settled.orders, *others) if rows else ()
        buckets = {self._bucket_of(order_id) for order_id in rekeyed}
        settled.wrapped = await self._rewrap(tenant_id, buckets)
        orders = list(settled.orders)
        for start in range(0, len(orders), _ORDERS_AT_ONCE):
            some = orders[start : start + _ORDERS_AT_ONCE]
            settled.terms += await self._terms.renew(tenant_id, some)
            settled.left_terms += await self._terms.stale(tenant_id, some)
        return settled

    async def _reread(self, tenant_id: str, told: Facts, settled: Settled) -> None:
        states = await self._store.states(tenant_id, list(told.pointers))
        settled.left_values += await self._store.left(tenant_id, digests_of(told, states))
        for sequence, pointers in told.pointers.items():
            if sequence not in settled.events:  # another attempt may have told of it as well
                settled.events.add(sequence)
                settled.values += len(pointers)
            settled.orders[decode_body(states[sequence]).order_id or ""] = None
