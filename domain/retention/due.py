"""What of a tenant's events is due by a policy, said by type: up to when, and what a duty keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from domain.retention.patterns import fits
from domain.retention.policies import Policy, Rule

FOREVER = 2**62


class Until(Struct, frozen=True):
    """Up to which instants, both included, in microseconds since 1970."""

    occurred_us: int = FOREVER
    received_us: int = FOREVER

    def both(self, other: Until) -> Until:
        """What is within either one's."""
        return Until(
            min(self.occurred_us, other.occurred_us), min(self.received_us, other.received_us)
        )


class DueEvents(Struct, frozen=True):
    """due: what is. free: of each type, what no other policy's duty keeps of that. keepers: the ids
    of the policies that may keep something."""

    due: Until
    free: dict[str, Until]
    keepers: list[str]


def due_events(
    policy: Policy, duties: Sequence[Policy], types: Iterable[str], now_us: int
) -> DueEvents:
    """Of the types that a tenant has. duties: the policies that bind, itself among them or not."""
    due = _until(policy.rule, now_us)
    others = [one for one in duties if one.policy_id != policy.policy_id]
    bound = {one.policy_id: _until(one.rule, now_us) for one in others}
    free: dict[str, Until] = {}
    keepers: dict[str, None] = {}
    for event_type in types:
        if not _is_of(event_type, policy.rule):
            continue
        until = Until()
        for other in others:
            if _is_of(event_type, other.rule) and due.both(bound[other.policy_id]) != due:
                until = until.both(bound[other.policy_id])
                keepers[other.policy_id] = None
        free[event_type] = until
    return DueEvents(due, free, list(keepers))


class DueSnapshots(Struct, frozen=True):
    """Those captured at `due_us` or earlier, of which a duty keeps what is later than `free_us`."""

    due_us: int
    free_us: int
    keepers: list[str]


def due_snapshots(policy: Policy, duties: Sequence[Policy], now_us: int) -> DueSnapshots:
    due_us = policy.rule.duration.cutoff_us(now_us)
    bound = {
        one.policy_id: one.rule.duration.cutoff_us(now_us)
        for one in duties
        if one.policy_id != policy.policy_id and one.rule.applies_to == "snapshots"
    }
    keepers = [policy_id for policy_id, until in bound.items() if until < due_us]
    return DueSnapshots(due_us, min(bound.values(), default=FOREVER), keepers)


def _until(rule: Rule, now_us: int) -> Until:
    cutoff_us = rule.duration.cutoff_us(now_us)
    if rule.counted_from == "received_at":
        return Until(received_us=cutoff_us)
    return Until(occurred_us=cutoff_us)


def _is_of(event_type: str, rule: Rule) -> bool:
    return rule.applies_to == "events" and any(fits(event_type, one) for one in rule.event_types)
