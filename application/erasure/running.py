"""The job of an erasure: finds, erases, renews keys and terms, reads everything again, reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from application.erasure.erasing import Erased
from application.erasure.facts import Facts, digests_of, facts_of
from application.erasure.ports import KeptLines, OwnedStore, Owner, Rewraps, SearchTerms
from application.erasure.reporting import LINES, ORIGINALS, TERMS, VALUES, Renewed, report_of
from application.erasure.requests import SealedSubjects
from application.erasure.rounds import Rounds
from application.jobs.ports import Job
from application.jobs.running import Finished, Run
from application.ports import Clock, OrderHistories
from application.pseudonyms.settling import SettleMappings
from domain.erasure.facts import Ground
from domain.erasure.subjects import Subject
from domain.errors import OrderHistoryError
from domain.privacy.disclosing import ERASED
from domain.times import format_us


class SubjectForgotten(OrderHistoryError):
    """Whom this job was about is not known any more; ask again."""


class NotErased(OrderHistoryError):
    """Something of the person is still there after it was erased; ask again."""


class Renewing:
    """What is done once the values are gone, in an order that can be cut off anywhere: as long as
    terms find an order, its bucket's key is renewed by the next attempt."""

    def __init__(
        self,
        rewrap: Rewraps,
        terms: SearchTerms,
        lines: KeptLines,
        bucket_of: Callable[[str], int],
    ) -> None:
        self._rewrap = rewrap
        self.terms = terms
        self.lines = lines
        self._bucket_of = bucket_of

    async def __call__(
        self,
        tenant_id: str,
        order_ids: Sequence[str],
        actor: str | None,
        subject: Subject,
        *,
        lines: bool,
    ) -> Renewed:
        """`lines`: whether nothing is held, so that rejected lines may go. Raises
        KeyUnavailable, Unavailable."""
        owners: list[Owner] = [("order", order_id) for order_id in order_ids]
        owners += [("actor", actor)] if actor is not None else []
        wrapped = await self.keys(tenant_id, owners)
        kept = await self.lines.erase(tenant_id, subject.texts) if lines else 0
        return Renewed(wrapped, await self.terms.renew(tenant_id, order_ids), kept)

    async def keys(self, tenant_id: str, owners: Sequence[Owner]) -> int:
        """Those of these owners' buckets; how many data keys were wrapped anew."""
        return await self._rewrap(tenant_id, {self._bucket_of(name) for _, name in owners})


class RunErasure:
    """The handler of erasure jobs. An attempt that was cut off is made again from its start: what
    is erased is found again and left alone, keys and terms are renewed again, and the report is of
    what the ledger tells of the job."""

    def __init__(
        self,
        subjects: SealedSubjects,
        rounds: Rounds,
        store: OwnedStore,
        histories: OrderHistories,
        renewing: Renewing,
        settle: SettleMappings,
        clock: Clock,
    ) -> None:
        self._subjects = subjects
        self._rounds = rounds
        self._store = store
        self._histories = histories
        self._renewing = renewing
        self._settle = settle
        self._clock = clock

    async def __call__(self, run: Run) -> Finished:
        """Raises NotErased, KeyUnavailable, Unavailable."""
        job = run.job
        if job.request["scope"] == "attachments":  # no event has any yet
            self._subjects.destroy(job.job_id)
            return Finished({"scope": "attachments", "orders": {"found": 0}, "stores": []})
        subject = self._subjects.open(job)
        if subject is None:
            raise SubjectForgotten
        erased = Erased()
        ground = Ground(ERASED, job.job_id)
        found = await self._rounds(run, subject, erased, await self._facts(job, ground))
        gone = [one for one in (*found.whole, *found.named) if one not in erased.retained]
        free = erased.is_free
        renewed = await self._renewing(job.tenant_id, gone, found.actor, subject, lines=free)
        facts = await self._facts(job, ground)
        left = await self._left(job.tenant_id, facts, gone, subject if free else None)
        left[ORIGINALS] = await self._loose(job.tenant_id, gone, found.actor)
        report = report_of(found, erased, facts, renewed, left)
        report["checked_at"] = format_us(self._clock())
        if any(left.values()):
            raise NotErased
        if erased.is_whole:
            self._subjects.destroy(job.job_id)
        return Finished(report)

    async def _facts(self, job: Job, ground: Ground) -> Facts:
        return await facts_of(self._histories, job.tenant_id, ground)

    async def _loose(self, tenant_id: str, gone: Sequence[str], actor: str | None) -> int:
        """How many originals of pseudonyms are kept of what is erased."""
        owners: list[Owner] = [("order", order_id) for order_id in gone]
        owners += [("actor", actor)] if actor is not None else []
        return (await self._settle.checked(tenant_id, owners)).loose

    async def _left(
        self, tenant_id: str, facts: Facts, gone: Sequence[str], subject: Subject | None
    ) -> dict[str, int]:
        """What every store still has of what is erased, being read again."""
        states = await self._store.states(tenant_id, list(facts.pointers))
        left = {VALUES: await self._store.left(tenant_id, digests_of(facts, states))}
        left[TERMS] = await self._renewing.terms.stale(tenant_id, gone)
        if subject is not None:
            left[LINES] = await self._renewing.lines.holding(tenant_id, subject.texts)
        return left
