"""Policies for tests: after acts of Ann's, which the ledger has from NOW on."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from domain.audit.acts import Act, Fact
from domain.retention.policies import Policies, Policy, Rule

NOW = 1_750_000_000_000_000
RULE = Rule(
    name="payments",
    applies_to="events",
    event_types=("order.payment.*",),
    retain_for="P1Y",
    counted_from="occurred_at",
    legal_basis="contract",
    action="redact",
)
BODY: dict[str, Any] = {
    "name": "payments", "applies_to": "events", "event_types": ["order.payment.*"],
    "retain_for": "P1Y", "counted_from": "occurred_at", "legal_basis": "contract",
    "duty": False, "action": "redact", "enabled": False,
}  # fmt: skip


def rule(**changed: Any) -> Rule:
    """RULE, otherwise."""
    return structs.replace(RULE, **changed)


def snapshots(**changed: Any) -> Rule:
    return rule(applies_to="snapshots", event_types=(), counted_from=None, **changed)


def done(*acts: Act | None) -> Policies:
    policies = Policies()
    for number, act in enumerate(acts, 1):
        assert act is not None
        policies.apply(
            Fact(
                act.type,
                number,
                10 + number,
                NOW + number,
                "ann",
                act.target,
                act.before,
                act.after,
            )
        )
        policies.version = number
    return policies


def policy(policy_id: str = "p1", **changed: Any) -> Policy:
    """One that is there."""
    return done(Policies().create(policy_id, rule(**changed))).policy(policy_id)
