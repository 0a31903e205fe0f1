"""Aggregates that are asked at each request, as they were a second ago at most."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Generic, NamedTuple

from application.audit.acts import A, Streams
from domain.errors import Unavailable

FRESH = 1.0
"""Seconds in which what other processes have done takes effect here."""
PATIENCE = 0.5
"""Seconds that a request waits to be told, while something older is at hand."""
LONGER = 2.0
"""The same while nothing is."""
STALEST = 30.0
"""Seconds after which what was known is not given any more. A store that is busy enough not to tell
what has changed, yet answers other questions, must not keep alive a right that was taken away."""
MOST_TENANTS = 10_000


class _Known(NamedTuple, Generic[A]):
    """seen: when the store told it last."""

    what: A
    seen: float
    fresh_until: float


class Newest(Generic[A]):
    """One aggregate of each tenant. For one event loop. What is given is not to be changed.

    While the store is away what was known last goes on to be given, for a while: without the store
    nothing is read or written that it could permit.
    """

    def __init__(
        self, streams: Streams, new: Callable[[], A], now: Callable[[], float] = monotonic
    ) -> None:
        self._streams = streams
        self._new = new
        self._now = now
        self._known: OrderedDict[str, _Known[A]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[A]] = {}

    def known(self, tenant_id: str) -> A | None:
        """The aggregate, if it was looked at just now; without waiting."""
        known = self._known.get(tenant_id)
        return known.what if known is not None and self._now() < known.fresh_until else None

    async def of(self, tenant_id: str) -> A:
        """The aggregate. Raises Unavailable when nothing is known of it."""
        fresh = self.known(tenant_id)
        if fresh is not None:
            return fresh
        asking = self._asking.get(tenant_id)
        if asking is None:
            asking = self._asking[tenant_id] = asyncio.create_task(self._ask(tenant_id))
            asking.add_done_callback(lambda _: self._asking.pop(tenant_id, None))
        # Who waits may be cancelled; the others still want to know.
        return await asyncio.shield(asking)

    def put(self, tenant_id: str, aggregate: A) -> A:
        """Give this from now on, unless something newer is known; what is given."""
        known, now = self._known.get(tenant_id), self._now()
        if known is not None and known.what.version > aggregate.version:
            aggregate = known.what
        return self._keep(tenant_id, _Known(aggregate, now, now + FRESH))

    def _keep(self, tenant_id: str, known: _Known[A]) -> A:
        self._known[tenant_id] = known
        self._known.move_to_end(tenant_id)
        if len(self._known) > MOST_TENANTS:
            self._known.popitem(last=False)
        return known.what

    async def _ask(self, tenant_id: str) -> A:
        known = self._known.get(tenant_id)
        try:
            async with asyncio.timeout(PATIENCE if known else LONGER):
                found = await self._load(tenant_id, known and known.what)
        except (Unavailable, TimeoutError) as error:
            known = self._known.get(tenant_id)  # somebody may have put it meanwhile
            now = self._now()
            if known is None or now >= known.seen + STALEST:
                raise Unavailable from error
            return self._keep(tenant_id, _Known(known.what, known.seen, now + FRESH))
        return self.put(tenant_id, found)

    async def _load(self, tenant_id: str, known: A | None) -> A:
        aggregate = known or self._new()
        if await self._streams.version(tenant_id, aggregate.stream) == aggregate.version:
            return aggregate
        return await self._streams.load(tenant_id, self._new())
