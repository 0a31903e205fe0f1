"""The handler of retention jobs: a policy is run, or tried, and the ledger has what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from application.audit.acts import Acts
from application.jobs.running import Finished, Run
from application.retention.dry_runs import numbers_of
from domain.audit.acts import Doer
from domain.erasure.facts import Ground
from domain.errors import NotFound, OrderHistoryError
from domain.privacy.disclosing import REDACTED
from domain.retention.evaluations import Evaluations
from domain.retention.policies import Policies, Policy
from domain.times import format_us

_PENDING = {
    "archive": "there is no archive yet: nothing is done until there is",
    "attachments": "no event has attachments yet: nothing is done until there are",
}


class PolicyGone(OrderHistoryError):
    """The policy is not there any more; nothing more was done by it."""


class NotEnabled(OrderHistoryError):
    """The policy is not enabled any more; nothing more was done by it."""


class Evaluates(Protocol):
    """Makes a run or a dry run."""

    async def __call__(
        self, run: Run, policy: Policy, duties: Sequence[Policy], now_us: int, /
    ) -> dict[str, Any]:
        """The report. now_us: what was due then is meant. Raises Unavailable, KeyUnavailable."""
        ...


class Settles(Protocol):
    """Does what is to be done once values are gone."""

    async def __call__(self, tenant_id: str, ground: Ground, others: set[str]) -> object: ...


class EvaluatePolicy:
    """What is due is what was when the job was made, whatever attempts it takes."""

    def __init__(self, acts: Acts, dry_run: Evaluates, run: Evaluates, settle: Settles) -> None:
        self._acts = acts
        self._dry_run = dry_run
        self._run = run
        self._settle = settle

    async def __call__(self, run: Run) -> Finished:
        """Raises PolicyGone, NotEnabled, Unavailable, KeyUnavailable."""
        job = run.job
        dry_run = bool(job.request["dry_run"])
        policies = await self._acts.load(job.tenant_id, Policies())
        try:
            policy = policy_of(policies, job.request["policy_id"], enabled=not dry_run)
        except (PolicyGone, NotEnabled):  # an earlier attempt may have left something undone
            await self._settle(job.tenant_id, Ground(REDACTED, job.job_id), set())
            raise
        report: dict[str, Any] = {
            "policy_id": policy.policy_id,
            "policy_version": policy.version,
            "dry_run": dry_run,
            "as_of": format_us(job.submitted_us),
        }
        if policy.rule.waits_for is not None:
            report["pending"] = _PENDING[policy.rule.waits_for]
            numbers: dict[str, int] = {policy.rule.applies_to: 0}
        else:
            evaluate = self._dry_run if dry_run else self._run
            found = await evaluate(run, policy, policies.duties(), job.submitted_us)
            report.update(found)
            numbers = numbers_of(found)
        await self._acts.act(
            job.tenant_id,
            Doer(job.submitted_by),
            lambda: Evaluations(policy.policy_id, dry_run=dry_run),
            lambda jobs: jobs.evaluate(job.job_id, policy.version, numbers),
        )
        return Finished(report)


def policy_of(policies: Policies, policy_id: str, *, enabled: bool) -> Policy:
    """Raises PolicyGone, and NotEnabled if it has to be."""
    try:
        policy = policies.policy(policy_id)
    except NotFound:
        raise PolicyGone from None
    if enabled and not policy.rule.enabled:
        raise NotEnabled
    return policy
