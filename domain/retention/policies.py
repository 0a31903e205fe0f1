"""The retention policies of a tenant: an aggregate of its ledger.

    history.retention.policy_created    how long something is kept, why, and what becomes of it then
    history.retention.policy_changed    before, and after
    history.retention.policy_deleted    nothing is due by it any more, and its duty is over

A policy does nothing before it is enabled, and it is enabled once a dry run has told what it
would touch, as it is then. Its duty holds from the moment that it is there. What dry runs and runs
come to stands in streams of their own (`evaluations.py`): they move no guard.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct, structs

from domain.audit.acts import Act, Fact
from domain.errors import FieldError, Invalid, NotFound
from domain.privacy.classify import Marks
from domain.retention.durations import Duration, parse

CREATED = "history.retention.policy_created"
CHANGED = "history.retention.policy_changed"
DELETED = "history.retention.policy_deleted"
STREAM = "retention-policies"

MOST_POLICIES = 100

AppliesTo = Literal["events", "attachments", "snapshots"]
Action = Literal["archive", "redact", "purge"]
CountedFrom = Literal["occurred_at", "received_at"]
Waiting = Literal["archive", "attachments"]

TRY_FIRST = "needs a dry run of the policy as it is: POST /retention/policies/{policy_id}/runs"
_NOT_PERSONAL: Marks = {("name",): False, ("legal_basis",): False}
_ONLY_SAID = ("name", "legal_basis", "enabled")
"""What may change without touching anything else than before."""


class Rule(Struct, frozen=True, kw_only=True):
    """What a policy says. event_types: patterns, of events alone; retain_for: an ISO 8601 duration;
    duty: the values must be kept so long, whoever asks for their erasure."""

    name: str
    applies_to: AppliesTo
    event_types: tuple[str, ...] = ()
    retain_for: str
    counted_from: CountedFrom | None = None
    legal_basis: str
    duty: bool = False
    action: Action
    enabled: bool = False

    @property
    def duration(self) -> Duration:
        return parse(self.retain_for)

    @property
    def waits_for(self) -> Waiting | None:
        """What has to be there before the policy can do anything; None: nothing."""
        if self.applies_to == "attachments":
            return "attachments"
        return "archive" if self.action == "archive" else None

    def touches_the_same(self, other: Rule) -> bool:
        """Whether a dry run of the one tells what the other would do."""
        return _touched(self) == _touched(other)


class Policy(Struct, frozen=True, kw_only=True):
    """A policy as the ledger has it. version: 1, and one more with each change; touched: the
    version from which on it has touched the same; sequence: of its last change."""

    policy_id: str
    rule: Rule
    version: int
    touched: int
    sequence: int
    created_by: str | None
    created_us: int
    changed_by: str | None
    changed_us: int


class Policies:
    """The policies of one tenant. Decisions return what is to be done, None where it is so already,
    or raise; only `apply` changes it. What two policies may not say together is for
    `conflicts.check`, which whoever decides asks first."""

    def __init__(self) -> None:
        self.stream = STREAM
        self.version = 0
        self.policies: dict[str, Policy] = {}

    # -- what it says -----------------------------------------------------------------------------

    def policy(self, policy_id: str) -> Policy:
        """Raises NotFound."""
        found = self.policies.get(policy_id)
        if found is None:
            raise NotFound("there is no such retention policy")
        return found

    def others(self, policy_id: str | None) -> list[Policy]:
        """All but this one, in the order in which they were made."""
        return [one for one in self.policies.values() if one.policy_id != policy_id]

    def duties(self) -> list[Policy]:
        """Those whose values must be kept."""
        return [one for one in self.policies.values() if one.rule.duty]

    # -- what may be done -------------------------------------------------------------------------

    def create(self, policy_id: str, rule: Rule) -> Act:
        """Raises Invalid for one that is to be enabled at once, and when there are MOST_POLICIES
        already."""
        if rule.enabled:
            raise Invalid.field("/enabled", TRY_FIRST)
        if len(self.policies) >= MOST_POLICIES:
            raise Invalid.field("", f"there are {MOST_POLICIES} policies, which is the most")
        return _act(CREATED, policy_id, None, rule)

    def change(self, policy_id: str, rule: Rule, tried: int | None) -> Act | None:
        """Make a policy what is given. tried: the version of it that the last finished dry run was
        of. Raises NotFound; Invalid if it is to be enabled, and that was of another one."""
        there = self.policy(policy_id)
        if rule == there.rule:
            return None
        if rule.enabled:
            same = rule.touches_the_same(there.rule)
            if not same or tried is None or tried < there.touched:
                raise Invalid([FieldError("/enabled", TRY_FIRST)])
        return _act(CHANGED, policy_id, there.rule, rule)

    def delete(self, policy_id: str) -> Act:
        """Raises NotFound."""
        return _act(DELETED, policy_id, self.policy(policy_id).rule, None)

    # -- what has been done -----------------------------------------------------------------------

    def apply(self, fact: Fact) -> None:
        """Take a fact."""
        policy_id = fact.target.partition("/")[2]
        there = self.policies.get(policy_id)
        if fact.type == DELETED:
            self.policies.pop(policy_id, None)
        elif fact.type == CREATED and fact.after is not None:
            self.policies[policy_id] = Policy(
                policy_id=policy_id,
                rule=msgspec.convert(fact.after, Rule),
                version=1,
                touched=1,
                sequence=fact.sequence,
                created_by=fact.actor,
                created_us=fact.received_us,
                changed_by=fact.actor,
                changed_us=fact.received_us,
            )
        elif fact.type == CHANGED and fact.after is not None and there is not None:
            self.policies[policy_id] = _changed(there, msgspec.convert(fact.after, Rule), fact)


def said(rule: Rule) -> dict[str, Any]:
    """As JSON has it, what is not said left out."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(rule))
    if rule.applies_to != "events":
        del found["event_types"]
    if rule.counted_from is None:
        del found["counted_from"]
    return found


def _act(kind: str, policy_id: str, before: Rule | None, after: Rule | None) -> Act:
    """`name` and `legal_basis` are no person's: they are checked when they are read."""
    return Act(
        kind,
        f"retention-policy/{policy_id}",
        None if before is None else said(before),
        None if after is None else said(after),
        marks=_NOT_PERSONAL,
    )


def _changed(there: Policy, rule: Rule, fact: Fact) -> Policy:
    version = there.version + 1
    return structs.replace(
        there,
        rule=rule,
        version=version,
        touched=there.touched if rule.touches_the_same(there.rule) else version,
        sequence=fact.sequence,
        changed_by=fact.actor,
        changed_us=fact.received_us,
    )


def _touched(rule: Rule) -> dict[str, Any]:
    return {name: one for name, one in said(rule).items() if name not in _ONLY_SAID}
