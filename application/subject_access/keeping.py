"""Why what is held on a person is kept: legal holds over it, and the policies that say how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from application.audit.acts import Acts
from application.holds.choke import ChokePoint
from application.subject_access.ports import Kept
from domain.erasure.subjects import Subject
from domain.holds.holds import Hold
from domain.retention.policies import Policies, Policy, said

HOLD = "legal hold"
POLICY = "retention policy"
_CRITERIA = ("applies_to", "event_types", "retain_for", "counted_from", "duty", "action")


class LegalHolds:
    """Implements `application.subject_access.ports.Keeping`."""

    def __init__(self, holds: ChokePoint) -> None:
        self._holds = holds

    async def over(
        self, tenant_id: str, subject: Subject, order_ids: Sequence[str]
    ) -> Sequence[Kept]:
        held = await self._holds.over(tenant_id, order_ids)
        of_person = held.named(held.of_subject(subject.id) if subject.id is not None else ())
        found = [_kept(hold, None) for hold in of_person]
        for order_id, hold_ids in held.by_order.items():
            found += [_kept(hold, order_id) for hold in held.named(hold_ids)]
        return found


class RetentionPolicies:
    """Implements `application.subject_access.ports.Keeping`: the criteria by which it is told how
    long anything is kept, those that are in force. They are of all orders alike."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts

    async def over(
        self, tenant_id: str, subject: Subject, order_ids: Sequence[str]
    ) -> Sequence[Kept]:
        policies = await self._acts.load(tenant_id, Policies())
        return [
            Kept(POLICY, details=_criteria(one))
            for one in policies.policies.values()
            if one.rule.duty or one.rule.enabled
        ]


def _criteria(policy: Policy) -> dict[str, Any]:
    rule = said(policy.rule)
    return {
        "policy_id": policy.policy_id,
        "legal_basis": policy.rule.legal_basis,
        **{name: rule[name] for name in _CRITERIA if name in rule},
    }


def _kept(hold: Hold, order_id: str | None) -> Kept:
    details = {"hold_id": hold.hold_id, "case_id": hold.case_id}
    return Kept(HOLD, order_id, hold.expires_us, details)
