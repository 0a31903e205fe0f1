"""What waits for the end of a legal hold, and who tells it."""

from __future__ import annotations

from collections.abc import Sequence

from application.erasure.requests import SealedSubjects
from application.erasure.resuming import ResumeAfterDuties, ResumeErasures
from application.holds.ending import OnRelease, TellEndings
from application.jobs.asking import Jobs
from application.retention.duties import Duties
from application.retention.scheduling import RunDaily
from domain.erasure.requests import ERASURE, PSEUDONYMISATION, Kind
from domain.holds.holds import STREAM
from domain.retention.policies import STREAM as POLICIES
from infrastructure.event_store.tenants import TenantsHaving
from interfaces.composition.connections import clock
from interfaces.composition.retaining import resuming_retention, running_daily
from interfaces.composition.writing import WriteSide


class FoundByItself:
    """A queue for a worker: it looks for jobs that nobody told it of, within seconds."""

    async def enqueue(self, tenant_id: str, job_id: str) -> None:
        """There is nobody to tell."""


def on_release(side: WriteSide, jobs: Jobs) -> Sequence[OnRelease]:
    """What goes on when a hold has ended; a further one is one line more."""
    return (
        _resuming(side, jobs),
        _resuming(side, jobs, PSEUDONYMISATION),
        resuming_retention(side, jobs),
    )


def tell_endings(side: WriteSide) -> TellEndings:
    """A worker's."""
    told = on_release(side, Jobs(side.jobs, FoundByItself()))
    return TellEndings(side.acts, TenantsHaving(side.pool, STREAM), clock, told)


def daily_retention(side: WriteSide) -> RunDaily:
    """A worker's."""
    return running_daily(side, Jobs(side.jobs, FoundByItself()))


def end_of_duties(side: WriteSide) -> ResumeAfterDuties:
    """A worker's."""
    resume = _resuming(side, Jobs(side.jobs, FoundByItself()))
    tenants = TenantsHaving(side.pool, POLICIES)
    return ResumeAfterDuties(resume, tenants, Duties(side.acts, clock), clock)


def _resuming(side: WriteSide, jobs: Jobs, kind: Kind = ERASURE) -> ResumeErasures:
    return ResumeErasures(jobs, side.jobs, SealedSubjects(side.key_store), clock, kind)
