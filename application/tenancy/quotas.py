"""Keeping tenants within their quotas, by numbers that are at hand: as of a second ago at most."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from msgspec import Struct

from application.audit.acts import Acts
from application.audit.newest import MOST_TENANTS, Newest
from application.ports import Clock
from domain.audit.acts import Doer
from domain.errors import QuotaExceeded, Unavailable
from domain.tenancy.quotas import DAY_US, Allowance, Asked, Limits, Quota, day_of
from domain.times import format_us

EVENTS, REQUESTS = "events_per_day", "requests_per_minute"
_MINUTE = 60.0


class LedgerDays(Protocol):
    """Which of a ledger's events are of which day. Raises Unavailable."""

    async def before(self, tenant_id: str, day_us: int) -> tuple[int, int]:
        """How many events a tenant's ledger has before a moment, and how many in all."""
        ...


class EventsToday(Struct, frozen=True):
    """quota, remaining: null where there is none. used: events of the ledger since the day began,
    the service's own too; since, until: the day, of UTC."""

    quota: int | None
    used: int
    remaining: int | None
    since: str
    until: str


class RequestsNow(Struct, frozen=True):
    """quota: null where there is none. remaining: of the process that answers, at this moment."""

    quota: int | None
    remaining: int | None


class Usage(Struct, frozen=True):
    """The quotas of a tenant, and what is used of them."""

    events_per_day: EventsToday
    requests_per_minute: RequestsNow


class _Known(Struct):
    """What is at hand of a tenant. before: events before the day; None: not looked up, there being
    no quota."""

    quota: Quota
    limits: Limits
    day_us: int = 0
    before: int | None = None


class _Bucket(Struct):
    """Requests that may come at once: as many as in a minute at the most, and more each second."""

    left: float
    seen: float

    def fill(self, quota: int, now: float) -> None:
        self.left = min(quota, self.left + (now - self.seen) * quota / _MINUTE)
        self.seen = now


class KeepQuotas:
    """Implements `application.ports.Allowances`. For one event loop. defaults: of the installation,
    for tenants without quotas of their own."""

    def __init__(
        self,
        newest: Newest[Quota],
        days: LedgerDays,
        defaults: Limits,
        clock: Clock,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._newest = newest
        self._days = days
        self._defaults = defaults
        self._clock = clock
        self._now = now
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self.refusals = Counter({EVENTS: 0, REQUESTS: 0})
        """How many events and requests this process has refused."""

    async def look(self, tenant_id: str) -> Limits:
        """What holds for a tenant; from then on `of` knows it, too. While the store is away what
        was known goes on to hold."""
        known = self._known.get(tenant_id)
        if known is not None and self._is_of_now(tenant_id, known):
            return known.limits
        try:
            return (await self._looked_up(tenant_id)).limits
        except Unavailable:
            return self._defaults if known is None else known.limits

    async def admit(self, tenant_id: str) -> None:
        """Count a request. Raises QuotaExceeded where it is one too many."""
        quota = (await self.look(tenant_id)).requests_per_minute
        if quota is None:
            return
        bucket = self._filled(tenant_id, quota)
        if bucket.left < 1:
            self.refusals[REQUESTS] += 1
            seconds = -(-(1 - bucket.left) * _MINUTE // quota)
            raise QuotaExceeded(
                f"The quota of this tenant, {quota:,} requests a minute, is used up; wait as"
                " Retry-After says.",
                retry_after=max(1, int(seconds)),
            )
        bucket.left -= 1

    def of(self, tenant_id: str, at_us: int, sequence: int) -> Allowance | None:
        known = self._known.get(tenant_id)
        if known is None or known.limits.events_per_day is None:
            return None
        quota, day_us = known.limits.events_per_day, day_of(at_us)
        if known.day_us != day_us or known.before is None:
            # A day that has just begun, and was not looked at: nothing before this is of it.
            return Allowance(quota, sequence + quota, day_us)
        return Allowance(quota, known.before + quota, day_us)

    def refused(self, events: int) -> None:
        self.refusals[EVENTS] += events

    async def usage(self, tenant_id: str) -> Usage:
        """As of now. Raises Unavailable."""
        limits, day_us = await self.look(tenant_id), day_of(self._clock())
        before, last = await self._days.before(tenant_id, day_us)
        quota, used = limits.events_per_day, last - before
        remaining = None if quota is None else max(0, quota - used)
        since, until = format_us(day_us), format_us(day_us + DAY_US)
        requests = limits.requests_per_minute
        left = None if requests is None else int(self._filled(tenant_id, requests).left)
        return Usage(EventsToday(quota, used, remaining, since, until), RequestsNow(requests, left))

    def _is_of_now(self, tenant_id: str, known: _Known) -> bool:
        if self._newest.known(tenant_id) is not known.quota:
            return False
        return known.limits.events_per_day is None or known.day_us == day_of(self._clock())

    async def _looked_up(self, tenant_id: str) -> _Known:
        quota = await self._newest.of(tenant_id)
        known = _Known(quota, quota.over(self._defaults))
        if known.limits.events_per_day is not None:
            known.day_us = day_of(self._clock())
            before = self._known.get(tenant_id)
            if before is not None and before.before is not None and before.day_us == known.day_us:
                known.before = before.before
            else:
                known.before, _ = await self._days.before(tenant_id, known.day_us)
        self._known[tenant_id] = known
        self._known.move_to_end(tenant_id)
        if len(self._known) > MOST_TENANTS:
            self._known.popitem(last=False)
        return known

    def _filled(self, tenant_id: str, quota: int) -> _Bucket:
        now = self._now()
        bucket = self._buckets.get(tenant_id)
        if bucket is None:
            bucket = self._buckets[tenant_id] = _Bucket(float(quota), now)
            if len(self._buckets) > MOST_TENANTS:
                self._buckets.popitem(last=False)
        bucket.fill(quota, now)
        return bucket


class SetQuota:
    """The command behind `tenant quota`: in force in every process within a second."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts

    async def __call__(self, tenant_id: str, doer: Doer, asked: Asked) -> Quota:
        """Raises TenantLeft, Unavailable."""
        quota, _ = await self._acts.act(
            tenant_id, doer, Quota, lambda one: one.set(tenant_id, asked)
        )
        return quota
