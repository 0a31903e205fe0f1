"""Telling what waits for a hold that it has ended: released, or its time being up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from application.audit.acts import Acts
from application.ports import Clock, Tenants
from domain.holds.holds import STREAM, Holds


class OnRelease(Protocol):
    """What goes on once a hold has ended."""

    async def released(self, tenant_id: str, hold_id: str) -> bool:
        """Called once the end is committed, by the process that released it; and for every hold
        that has ended, expired ones too, by each worker, once or more: so it must be able to take
        any number of calls for a hold, at once and long after, whether or not anything waits. What
        goes on asks the choke point again: another hold may be in its way. Whether all that waited
        for it is told: what is under way may have met the hold, and says so only once it is over;
        until then a worker calls again. Raises Unavailable: it is called again."""
        ...


class TellEndings:
    """To be run by a worker's schedule. What was told is remembered by this process alone: a new
    one tells of all endings once more, so that none is lost with a process that had committed it
    and not told of it yet."""

    def __init__(
        self, acts: Acts, tenants: Tenants, clock: Clock, on_release: Sequence[OnRelease]
    ) -> None:
        """tenants: those that ever placed a hold."""
        self._acts = acts
        self._tenants = tenants
        self._clock = clock
        self._on_release = on_release
        self._known: dict[str, Holds] = {}
        self._told: set[tuple[str, str]] = set()

    async def __call__(self) -> int:
        """How many endings were told. Raises Unavailable."""
        count = 0
        for tenant_id in await self._tenants():
            holds = await self._holds(tenant_id)
            for hold in holds.holds.values():
                key = tenant_id, hold.hold_id
                if key in self._told or hold.status(self._clock()) == "active":
                    continue
                if all([await one.released(*key) for one in self._on_release]):
                    self._told.add(key)
                count += 1
        return count

    async def _holds(self, tenant_id: str) -> Holds:
        known = self._known.get(tenant_id)
        if known is None or await self._acts.version(tenant_id, STREAM) != known.version:
            known = self._known[tenant_id] = await self._acts.load(tenant_id, Holds())
        return known
