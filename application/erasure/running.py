"""The job of an erasure: finds, erases, renews keys and terms, reads everything again, reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from application.erasure.erasing import AT_ONCE, Erased, EraseOwners
from application.erasure.facts import Facts, digests_of, facts_of
from application.erasure.finding import Found, merged
from application.erasure.ports import KeptLines, OwnedStore, Rewraps, SearchTerms
from application.erasure.reporting import LINES, TERMS, VALUES, Renewed, report_of
from application.erasure.requests import SealedSubjects
from application.jobs.ports import Job
from application.jobs.running import Finished, Run
from application.ports import Clock, OrderHistories
from domain.erasure.facts import Ground
from domain.erasure.subjects import Subject
from domain.errors import OrderHistoryError
from domain.orders.events import decode_body
from domain.privacy.disclosing import ERASED
from domain.times import format_us

_ROUNDS = 5
"""How often what came in meanwhile is looked for."""


class Finds(Protocol):
    """Finds all that is kept of a person. Raises Unavailable."""

    async def __call__(self, tenant_id: str, subject: Subject) -> Found: ...


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
        owners = [*order_ids, *([actor] if actor is not None else [])]
        wrapped = await self._rewrap(tenant_id, {self._bucket_of(owner) for owner in owners})
        kept = await self.lines.erase(tenant_id, subject.texts) if lines else 0
        return Renewed(wrapped, await self.terms.renew(tenant_id, order_ids), kept)


class RunErasure:
    """The handler of erasure jobs. An attempt that was cut off is made again from its start: what
    is erased is found again and left alone, keys and terms are renewed again, and the report is of
    what the ledger tells of the job."""

    def __init__(
        self,
        subjects: SealedSubjects,
        find: Finds,
        erase: EraseOwners,
        store: OwnedStore,
        histories: OrderHistories,
        renewing: Renewing,
        clock: Clock,
    ) -> None:
        self._subjects = subjects
        self._find = find
        self._erase = erase
        self._store = store
        self._histories = histories
        self._renewing = renewing
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
        erased, found = Erased(), Found([], await self._earlier(job), None)
        for _ in range(_ROUNDS):
            before = erased.values
            found = await self._round(run, subject, erased, found)
            if erased.values == before:
                break
        gone = [one for one in (*found.whole, *found.named) if one not in erased.retained]
        free = erased.is_free
        renewed = await self._renewing(job.tenant_id, gone, found.actor, subject, lines=free)
        facts = await facts_of(self._histories, job.tenant_id, Ground(ERASED, job.job_id))
        left = await self._left(job.tenant_id, facts, gone, subject if free else None)
        report = report_of(found, erased, facts, renewed, left)
        report["checked_at"] = format_us(self._clock())
        if any(left.values()):
            raise NotErased
        if erased.is_whole:
            self._subjects.destroy(job.job_id)
        return Finished(report)

    async def _earlier(self, job: Job) -> list[str]:
        """The orders that an earlier attempt has erased something of: no address finds them now."""
        facts = await facts_of(self._histories, job.tenant_id, Ground(ERASED, job.job_id))
        states = await self._store.states(job.tenant_id, list(facts.pointers))
        orders = dict.fromkeys(decode_body(state).order_id for state in states.values())
        return [order_id for order_id in (*orders, *facts.orders) if order_id is not None]

    async def _round(self, run: Run, subject: Subject, erased: Erased, before: Found) -> Found:
        """All that was found, also in the rounds before: what is erased may be found no more."""
        tenant_id, job_id = run.job.tenant_id, run.job.job_id
        found = merged(before, await self._find(tenant_id, subject))
        orders = [(order_id, True) for order_id in found.whole]
        orders += [(order_id, False) for order_id in found.named]
        for done in range(0, len(orders), AT_ONCE):
            await run.progress(done, len(orders))
            some = dict(orders[done : done + AT_ONCE])
            await self._erase.orders(tenant_id, job_id, some, subject, erased)
        if found.actor is not None:
            await self._erase.actor(tenant_id, job_id, found.actor, erased)
        await run.progress(len(orders), len(orders))
        return found

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
