"""Retention policies: making, seeing, changing and deleting them."""

from __future__ import annotations

from typing import Literal
from uuid import uuid4

from msgspec import Struct

from application.audit.acts import Acts
from application.retention.ports import NEVER, LastEvaluations, Lasts
from domain.access.caller import Caller
from domain.audit.acts import Act, Doer
from domain.retention.conflicts import check
from domain.retention.policies import Policies, Policy
from domain.retention.reading import read_change, read_rule

Status = Literal["draft", "active", "pending"]


class Standing(Struct, frozen=True):
    """A policy, and what it came to."""

    policy: Policy
    lasts: Lasts

    @property
    def status(self) -> Status:
        """`pending`: what it needs is not there yet."""
        if self.policy.rule.waits_for is not None:
            return "pending"
        return "active" if self.policy.rule.enabled else "draft"


class ManagePolicies:
    """Every change is an act on the tenant's ledger, in force as soon as it is there."""

    def __init__(self, acts: Acts, evaluations: LastEvaluations) -> None:
        self._acts = acts
        self._evaluations = evaluations

    async def create(self, caller: Caller, doer: Doer, value: object) -> Standing:
        """A new policy, not enabled. Raises Invalid, for what conflicts with another one too, and
        Unavailable."""
        rule, policy_id = read_rule(value), f"policy_{uuid4().hex}"

        def decide(policies: Policies) -> Act:
            check(rule, policies.others(None))
            return policies.create(policy_id, rule)

        policies, _ = await self._acts.act(caller.tenant_id, doer, Policies, decide)
        return Standing(policies.policy(policy_id), NEVER)

    async def listed(self, tenant_id: str) -> list[Policy]:
        """The newest first."""
        policies = await self._acts.load(tenant_id, Policies())
        return list(reversed(policies.policies.values()))

    async def standing(self, tenant_id: str, policies: list[Policy]) -> list[Standing]:
        """These, and what they came to. Raises Unavailable."""
        lasts = await self._evaluations.of(tenant_id, [one.policy_id for one in policies])
        return [Standing(one, lasts.get(one.policy_id, NEVER)) for one in policies]

    async def get(self, tenant_id: str, policy_id: str) -> Standing:
        """Raises NotFound, Unavailable."""
        policy = (await self._acts.load(tenant_id, Policies())).policy(policy_id)
        (found,) = await self.standing(tenant_id, [policy])
        return found

    async def change(
        self, caller: Caller, doer: Doer, there: Standing, value: object, *, unchanged: bool
    ) -> Standing | None:
        """Change what is named of a policy. unchanged: only if it is still as given, else None.
        Raises NotFound; Invalid, also when it is to be enabled without a dry run of it as it is."""
        policy_id, lasts = there.policy.policy_id, there.lasts
        tried = None if lasts.dry_run is None else lasts.dry_run.policy_version
        moved = False

        def decide(policies: Policies) -> Act | None:
            nonlocal moved
            now = policies.policy(policy_id)
            moved = unchanged and now.version != there.policy.version
            if moved:
                return None
            rule = read_change(value, now.rule)
            check(rule, policies.others(policy_id))
            return policies.change(policy_id, rule, tried)

        policies, _ = await self._acts.act(caller.tenant_id, doer, Policies, decide)
        return None if moved else Standing(policies.policy(policy_id), lasts)

    async def delete(self, caller: Caller, doer: Doer, policy_id: str) -> None:
        """Nothing is due by it any more, and its duty is over. Raises NotFound, Unavailable."""
        await self._acts.act(
            caller.tenant_id, doer, Policies, lambda policies: policies.delete(policy_id)
        )
