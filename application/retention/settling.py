"""What a run does once values are gone: keys and terms are renewed, and all stores read again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from application.erasure.facts import Facts, digests_of, facts_of
from application.erasure.ports import OwnedStore, Rewraps, SearchTerms
from application.erasure.reporting import TERMS, VALUES
from application.ports import OrderHistories
from domain.erasure.facts import Ground
from domain.orders.events import decode_body

_AT_ONCE = 2000
"""Events, or orders, that are looked at together."""
_LISTED = 1000


class Settled(Struct):
    """What the ledger tells of a job, and what the stores still have of that."""

    facts: Facts
    orders: list[str] = field(default_factory=list)
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
        values = self.facts.values
        return {
            "orders": len(self.orders),
            "events": len(self.facts.pointers),
            "values": values,
            "facts": self.facts.sequences[:_LISTED],
            "stores": [
                {"store": VALUES, "redacted": values, "left": self.left_values},
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
        settled = Settled(await facts_of(self._histories, tenant_id, ground))
        sequences = sorted(settled.facts.pointers)
        orders: dict[str, None] = {}
        for start in range(0, len(sequences), _AT_ONCE):
            some = sequences[start : start + _AT_ONCE]
            states = await self._store.states(tenant_id, some)
            for state in states.values():
                orders[decode_body(state).order_id or ""] = None
            pointers = {one: settled.facts.pointers[one] for one in some}
            digests = digests_of(Facts(pointers), states)
            settled.left_values += await self._store.left(tenant_id, digests)
        settled.orders = list(orders)
        rekeyed = (*orders, *others) if settled.facts.sequences else ()
        buckets = {self._bucket_of(order_id) for order_id in rekeyed}
        settled.wrapped = await self._rewrap(tenant_id, buckets)
        for start in range(0, len(settled.orders), _AT_ONCE):
            part = settled.orders[start : start + _AT_ONCE]
            settled.terms += await self._terms.renew(tenant_id, part)
            settled.left_terms += await self._terms.stale(tenant_id, part)
        return settled
