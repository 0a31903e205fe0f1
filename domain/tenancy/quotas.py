"""How much a tenant may send: an aggregate of its ledger, and what of a day is left under the lock.

    history.tenant.quota_set    a limit was set, taken away, or left to the installation again

A day is one of UTC, by received_at. What counts is every event of the tenant's ledger in it, the
service's own among them; what is refused is what producers send.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, structs

from domain.audit.acts import Act, Fact
from domain.errors import QuotaExceeded
from domain.times import SECOND

QUOTA_SET = "history.tenant.quota_set"
STREAM = "quota"
DAY_US = 86_400 * SECOND

Limit = int | Literal["none", "default"]
"""A number; none: no limit; default: the installation's."""
MOST = 10**12


class Limits(Struct, frozen=True):
    """What holds for a tenant. None: no limit."""

    events_per_day: int | None = None
    requests_per_minute: int | None = None


class Asked(Struct, frozen=True):
    """What is to be set; None: as it is."""

    events_per_day: Limit | None = None
    requests_per_minute: Limit | None = None


class Quota:
    """The quotas of one tenant."""

    def __init__(self) -> None:
        self.stream = STREAM
        self.version = 0
        self.limits: Mapping[str, Limit] = dict.fromkeys(Limits.__struct_fields__, "default")

    def over(self, defaults: Limits) -> Limits:
        """What holds, these being the installation's."""
        own = {
            name: None if limit == "none" else limit
            for name, limit in self.limits.items()
            if limit != "default"
        }
        return structs.replace(defaults, **own)

    def set(self, tenant_id: str, asked: Asked) -> Act | None:
        """None: it is so already."""
        wanted = {name: one for name, one in structs.asdict(asked).items() if one is not None}
        changed = {name: one for name, one in wanted.items() if self.limits[name] != one}
        if not changed:
            return None
        before = {name: self.limits[name] for name in changed}
        return Act(QUOTA_SET, f"tenant/{tenant_id}", before, changed)

    def apply(self, fact: Fact) -> None:
        """Take a fact."""
        if fact.type == QUOTA_SET and fact.after is not None:
            self.limits = {**self.limits, **_known(fact.after)}


class Allowance(Struct, frozen=True):
    """What of a day's quota the committer goes by. up_to: the last sequence that what a producer
    sends may get; day_us: when the day began."""

    quota: int
    up_to: int
    day_us: int

    def refusal(self, now_us: int) -> QuotaExceeded:
        """Of what would get a later one."""
        seconds = max(1, -(-(self.day_us + DAY_US - now_us) // SECOND))
        return QuotaExceeded(
            f"The quota of this tenant, {self.quota:,} events a day, is used up; it begins anew at"
            " midnight UTC.",
            retry_after=seconds,
        )


def day_of(at_us: int) -> int:
    """When the day (UTC) of a moment began."""
    return at_us - at_us % DAY_US


def _known(after: Mapping[str, Any]) -> dict[str, Limit]:
    return {name: one for name, one in after.items() if name in Limits.__struct_fields__}
