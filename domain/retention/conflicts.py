"""What two policies may not say together: of the same events, of snapshots, of attachments.

    overlap          the same is done by both: one of them is too many
    contradiction    the harder action comes first (archive, redact, purge is their order), or one
                     takes what the other is bound to keep

Durations are compared by their mean length: P12M is as long as P1Y, and P365D a little shorter.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.errors import FieldError, Invalid
from domain.retention.patterns import common
from domain.retention.policies import Policy, Rule

_HARDNESS = {"archive": 0, "redact": 1, "purge": 2}


def check(rule: Rule, others: Iterable[Policy]) -> None:
    """Raises Invalid with all conflicts, each naming the other policy."""
    wrong = [found for other in others if (found := _conflict(rule, other)) is not None]
    if wrong:
        raise Invalid(wrong)


def _conflict(rule: Rule, other: Policy) -> FieldError | None:
    both = _common(rule, other.rule)
    if both is None:
        return None
    named = f"policy {other.policy_id} ({other.rule.name!r}), of {both}"
    if rule.action == other.rule.action:
        pointer = "/event_types" if rule.applies_to == "events" else "/applies_to"
        detail = f"overlaps with {named}: it has the same action, {rule.action}"
        return FieldError(pointer, detail)
    why = _contradiction(rule, other.rule)
    return None if why is None else FieldError("/retain_for", f"contradicts {named}: {why}")


def _contradiction(rule: Rule, other: Rule) -> str | None:
    """Of different actions."""
    for keeps, takes in ((rule, other), (other, rule)):
        if keeps.duty and takes.action != "archive" and _is_shorter(takes, keeps):
            return (
                f"{takes.action} after {takes.retain_for} is before a duty to keep for "
                f"{keeps.retain_for} ends"
            )
    soft, hard = sorted((rule, other), key=lambda one: _HARDNESS[one.action])
    if _is_shorter(soft, hard):
        return None
    return (
        f"{hard.action} after {hard.retain_for} must come later than {soft.action} after "
        f"{soft.retain_for}"
    )


def _is_shorter(one: Rule, other: Rule) -> bool:
    return one.duration.mean_days < other.duration.mean_days


def _common(one: Rule, other: Rule) -> str | None:
    """What both are of, in words; None if nothing is."""
    if one.applies_to != other.applies_to:
        return None
    if one.applies_to != "events":
        return one.applies_to
    both = (
        common(mine, theirs) for mine in one.event_types for theirs in other.event_types
    )  # fmt: skip
    return next((pattern for pattern in both if pattern is not None), None)
