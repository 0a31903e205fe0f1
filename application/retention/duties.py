"""The duties to keep: what may not be erased yet, though a person asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from application.audit.acts import Acts
from application.ports import Clock
from domain.privacy.sealing import history_originator
from domain.retention.patterns import fits
from domain.retention.policies import Policies, Policy

Kept = tuple[str, int]
"""The id of a policy, and until when it keeps something, in microseconds since 1970."""


class InForce:
    """The duties of a tenant at a moment. guard: what they rest on, one of those of
    `Door.submit`: its stream moves when a policy is made, changed or deleted, by nothing else."""

    def __init__(self, guard: tuple[bytes, int], duties: Sequence[Policy], now_us: int) -> None:
        self.guard = guard
        self._duties = [_Duty(one, one.rule.duration.cutoff_us(now_us)) for one in duties]

    @property
    def keeps_anything(self) -> bool:
        """Whether there is any duty at all."""
        return bool(self._duties)

    def keeps(self, event_type: str, occurred_us: int, received_us: int) -> list[Kept]:
        """The policies by which the values of an event must be kept, in the order in which they
        were made, and until when each."""
        found = []
        for duty in self._duties:
            rule = duty.policy.rule
            if rule.applies_to == "events":
                counted_us = occurred_us if rule.counted_from == "occurred_at" else received_us
                if counted_us > duty.cutoff_us and _is_of(event_type, duty.policy):
                    found.append(duty.until(counted_us))
        return found

    def keeps_snapshot(self, captured_us: int) -> list[Kept]:
        """The same of a snapshot."""
        return [
            duty.until(captured_us)
            for duty in self._duties
            if duty.policy.rule.applies_to == "snapshots" and captured_us > duty.cutoff_us
        ]


class _Duty(NamedTuple):
    """cutoff_us: what is counted from later than this must be kept."""

    policy: Policy
    cutoff_us: int

    def until(self, counted_us: int) -> Kept:
        return self.policy.policy_id, self.policy.rule.duration.end_us(counted_us)


class Duties:
    """Any number of callers and processes at once."""

    def __init__(self, acts: Acts, clock: Clock) -> None:
        self._acts = acts
        self._clock = clock

    async def in_force(self, tenant_id: str) -> InForce:
        """Those of policies that are there now, enabled or not. Raises Unavailable."""
        policies = await self._acts.load(tenant_id, Policies())
        guard = history_originator(tenant_id, policies.stream).bytes, policies.version
        return InForce(guard, policies.duties(), self._clock())


def _is_of(event_type: str, policy: Policy) -> bool:
    return any(fits(event_type, pattern) for pattern in policy.rule.event_types)
