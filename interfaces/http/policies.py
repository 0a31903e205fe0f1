"""What a retention policy looks like over HTTP."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from application.retention.managing import Standing, Status
from domain.retention.evaluations import Evaluated
from domain.retention.policies import Action, AppliesTo, CountedFrom, Rule, Waiting, said
from domain.retention.reading import MAX_LEGAL_BASIS, MAX_NAME, MOST_TYPES
from domain.times import format_short
from interfaces.http.schemas import Time

_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
_Basis = Annotated[str, Meta(min_length=1, max_length=MAX_LEGAL_BASIS)]
_Types = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=100)]],
    Meta(min_length=1, max_length=MOST_TYPES),
]
_Duration = Annotated[str, Meta(extra_json_schema={"format": "duration"})]


class PolicyIn(Struct, frozen=True, omit_defaults=True):
    """`event_types`, of events alone: `order.created`, `order.payment.*` (one or more further
    segments), `*`. `retain_for`: years, months, weeks and days, P1D to P100Y, from `counted_from`
    on; snapshots count from their captured_at. `duty`: the values must be kept so long, also
    against a request for erasure."""

    name: _Name
    applies_to: AppliesTo
    retain_for: _Duration
    legal_basis: _Basis
    action: Action
    event_types: _Types | None = None
    counted_from: CountedFrom | None = None
    duty: bool = False
    enabled: bool = False


class PolicyChange(Struct, frozen=True, omit_defaults=True):
    """What is to change; what is left out stays."""

    name: _Name | None = None
    applies_to: AppliesTo | None = None
    event_types: _Types | None = None
    retain_for: _Duration | None = None
    counted_from: CountedFrom | None = None
    legal_basis: _Basis | None = None
    duty: bool | None = None
    action: Action | None = None
    enabled: bool | None = None


class EvaluationView(Struct, frozen=True):
    """A dry run or a run that has ended; its report is the job's result."""

    job_id: str
    policy_version: int
    at: Time
    sequence: int
    numbers: dict[str, int]


class PolicyView(Struct, frozen=True):
    """A policy. `version` counts its changes; `sequence` is that of the last. `pending`: nothing is
    done by it until there is what it `waits_for`. `tried`: there is a dry run of it as it is, so
    that it may be enabled."""

    policy_id: str
    name: str
    applies_to: AppliesTo
    event_types: list[str] | None
    retain_for: str
    counted_from: CountedFrom | None
    legal_basis: str
    duty: bool
    action: Action
    enabled: bool
    status: Status
    waits_for: Waiting | None
    tried: bool
    version: int
    sequence: int
    created_by: str | None
    created_at: Time
    changed_by: str | None
    changed_at: Time
    last_dry_run: EvaluationView | None
    last_run: EvaluationView | None


class PolicyPage(Struct, frozen=True):
    """A page; `total` counts the items of all pages."""

    items: list[PolicyView]
    total: int


class Templates(Struct, frozen=True):
    """Bodies for POST /retention/policies."""

    items: list[PolicyIn]


class RunIn(Struct, frozen=True):
    """`dry_run`: only tell what would be touched."""

    dry_run: bool = True


def template(rule: Rule) -> PolicyIn:
    return msgspec.convert(said(rule), PolicyIn)


def encoded(standing: Standing) -> bytes:
    return msgspec.json.encode(view(standing))


def view(standing: Standing) -> PolicyView:
    policy, lasts = standing.policy, standing.lasts
    rule = policy.rule
    return PolicyView(
        policy_id=policy.policy_id,
        name=rule.name,
        applies_to=rule.applies_to,
        event_types=list(rule.event_types) or None,
        retain_for=rule.retain_for,
        counted_from=rule.counted_from,
        legal_basis=rule.legal_basis,
        duty=rule.duty,
        action=rule.action,
        enabled=rule.enabled,
        status=standing.status,
        waits_for=rule.waits_for,
        tried=lasts.dry_run is not None and lasts.dry_run.policy_version >= policy.touched,
        version=policy.version,
        sequence=policy.sequence,
        created_by=policy.created_by,
        created_at=format_short(policy.created_us),
        changed_by=policy.changed_by,
        changed_at=format_short(policy.changed_us),
        last_dry_run=_evaluation(lasts.dry_run),
        last_run=_evaluation(lasts.run),
    )


def _evaluation(one: Evaluated | None) -> EvaluationView | None:
    if one is None:
        return None
    numbers = dict(one.numbers)
    return EvaluationView(
        one.job_id, one.policy_version, format_short(one.at_us), one.sequence, numbers
    )
