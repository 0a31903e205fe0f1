"""Asking for a run of a policy, or for a dry run of it: the job that it becomes."""

from __future__ import annotations

from application.audit.acts import Acts
from application.jobs.asking import Jobs
from application.jobs.ports import LIVE, Job, JobStore, Submitted, new_job_id
from application.ports import Clock
from domain import canonical
from domain.access.caller import Caller
from domain.access.reading import as_object
from domain.errors import FieldError, Invalid
from domain.retention.policies import Policies, Policy

RETENTION = "retention"
_MOST_LIVE = 1000


class RequestRun:
    """The command behind POST /retention/policies/{policy_id}/runs."""

    def __init__(self, jobs: Jobs, store: JobStore, acts: Acts, clock: Clock) -> None:
        self._jobs = jobs
        self._store = store
        self._acts = acts
        self._clock = clock

    async def __call__(self, caller: Caller, policy_id: str, raw: bytes) -> Submitted:
        """Make the job, or join one that is under way for the same. Raises NotFound; Unreadable;
        Invalid, also for a run of a policy that is not enabled; Unavailable."""
        dry_run = _read(raw)
        policies = await self._acts.load(caller.tenant_id, Policies())
        policy = policies.policy(policy_id)
        if not dry_run and not policy.rule.enabled:
            detail = "the policy is not enabled: only a dry run can be made of it"
            raise Invalid.field("/dry_run", detail)
        job = job_of(
            caller.tenant_id, policy, caller.subject, self._clock(), dry_run=dry_run
        )  # fmt: skip
        there = await self._under_way(job)
        return Submitted(there, replayed=True) if there else await self._jobs.submit(job)

    async def _under_way(self, job: Job) -> Job | None:
        for status in LIVE:
            live = await self._store.listed(
                job.tenant_id, kind=RETENTION, status=status, limit=_MOST_LIVE
            )
            for one in live:
                if one.request == job.request:
                    return one
        return None


def job_of(
    tenant_id: str,
    policy: Policy,
    submitted_by: str,
    now_us: int,
    *,
    dry_run: bool,
    key: str | None = None,
) -> Job:
    """key: makes it once."""
    request = {
        "policy_id": policy.policy_id, "policy_version": policy.version, "dry_run": dry_run,
    }  # fmt: skip
    return Job(
        tenant_id=tenant_id,
        job_id=new_job_id(),
        kind=RETENTION,
        submitted_by=submitted_by,
        submitted_us=now_us,
        request=request,
        idempotency_key=key,
    )


def _read(raw: bytes) -> bool:
    """Whether a dry run is asked for; an empty body asks for one."""
    body, wrong = as_object(canonical.decode(raw) if raw else {}, ("dry_run",), "a run")
    dry_run = body.get("dry_run", True)
    if type(dry_run) is not bool:
        wrong.append(FieldError("/dry_run", "must be true or false"))
    if wrong:
        raise Invalid(wrong)
    return bool(dry_run)
