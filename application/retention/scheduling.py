"""Running enabled policies each day, and again once a hold that was in their way has ended."""

from __future__ import annotations

from application.audit.acts import Acts
from application.jobs.asking import Jobs, under_way
from application.jobs.ports import Job, JobStore
from application.ports import Clock, Tenants
from application.retention.ports import LastEvaluations
from application.retention.requests import RETENTION, job_of
from domain.access.caller import SERVICE
from domain.retention.policies import Policies, Policy
from domain.times import format_us


class RunDaily:
    """To be run by a worker's schedule, as often as it likes: there is one job for each policy and
    day, in UTC, however many workers there are. A policy that was changed is another one."""

    def __init__(self, acts: Acts, jobs: Jobs, tenants: Tenants, clock: Clock) -> None:
        self._acts = acts
        self._jobs = jobs
        self._tenants = tenants
        self._clock = clock

    async def __call__(self) -> int:
        """How many jobs were made. Raises Unavailable."""
        now_us, made = self._clock(), 0
        day = format_us(now_us)[:10]
        for tenant_id in await self._tenants():
            for policy in await enabled(self._acts, tenant_id):
                made += await _submitted(self._jobs, tenant_id, policy, now_us, f"on {day}")
        return made


class ResumeRetention:
    """Implements `application.holds.ending.OnRelease`: a policy is run again if its last run left
    something under the hold."""

    def __init__(
        self,
        acts: Acts,
        jobs: Jobs,
        store: JobStore,
        evaluations: LastEvaluations,
        clock: Clock,
    ) -> None:
        self._acts = acts
        self._jobs = jobs
        self._store = store
        self._evaluations = evaluations
        self._clock = clock

    async def released(self, tenant_id: str, hold_id: str) -> bool:
        """Called any number of times: the job for a hold and a policy is made once."""
        # Before looking at those that are over: none slips through between the two.
        over = not await under_way(self._store, tenant_id, RETENTION)
        policies = await enabled(self._acts, tenant_id)
        lasts = await self._evaluations.of(tenant_id, [one.policy_id for one in policies])
        for policy in policies:
            last = lasts.get(policy.policy_id)
            if last is None or last.run is None:
                continue
            job = await self._store.get(tenant_id, last.run.job_id)
            if job is not None and hold_id in _holds(job):
                when = f"after {hold_id}"
                await _submitted(self._jobs, tenant_id, policy, self._clock(), when)
        return over


async def enabled(acts: Acts, tenant_id: str) -> list[Policy]:
    """The policies that do anything. Raises Unavailable."""
    policies = await acts.load(tenant_id, Policies())
    return [
        one for one in policies.policies.values() if one.rule.enabled and one.rule.waits_for is None
    ]


def _holds(job: Job) -> list[str]:
    holds: list[str] = job.result.get("held", {}).get("holds", [])
    return holds


async def _submitted(jobs: Jobs, tenant_id: str, policy: Policy, now_us: int, when: str) -> bool:
    """Whether a job was made: one for each version of a policy."""
    key = f"{policy.policy_id} {policy.version} {when}"
    job = job_of(tenant_id, policy, SERVICE, now_us, dry_run=False, key=key)
    made = await jobs.submit(job)
    return not made.replayed
