"""The jobs of pseudonyms: find, replace or put back, renew what follows, read again, report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from application.erasure.erasing import Erased, Keeping
from application.erasure.facts import Facts, digests_of, facts_of
from application.erasure.finding import Found
from application.erasure.ports import OwnedStore, Owner
from application.erasure.reporting import LINES, ORIGINALS, TERMS, Renewed, retained_of
from application.erasure.requests import SealedSubjects
from application.erasure.rounds import Rounds, orders_of
from application.erasure.running import Renewing, SubjectForgotten
from application.holds.choke import Held
from application.jobs.running import Finished, Run
from application.ports import Clock, OrderHistories
from application.pseudonyms.settling import Agreement, SettleMappings
from application.retention.duties import InForce
from domain.erasure.facts import Ground
from domain.erasure.subjects import Subject
from domain.errors import OrderHistoryError
from domain.privacy.disclosing import PSEUDONYMISED, REIDENTIFIED
from domain.times import format_us

VALUES = "personal values"
_LISTED = 1000
_LOOKS = 3


class NotReplaced(OrderHistoryError):
    """Something of the person still stands in the clear after it was replaced; ask again."""


class NotPutBack(OrderHistoryError):
    """Some of what the pseudonyms stand for is not kept any more: restore it from a backup."""


class NothingHeld:
    """In the place of the choke point: what puts values back deletes nothing."""

    async def over(self, tenant_id: str, order_ids: Sequence[str]) -> Held:
        return Held({}, [], [])


class NoDuties:
    """In the place of the duties: what has a pseudonym is still kept."""

    def __init__(self, duties: Keeping) -> None:
        self._duties = duties

    async def in_force(self, tenant_id: str) -> InForce:
        return InForce((await self._duties.in_force(tenant_id)).guard, [], 0)


class Reading:
    """Reads the stores again, for the reports of both jobs."""

    def __init__(
        self, store: OwnedStore, histories: OrderHistories, settle: SettleMappings
    ) -> None:
        self._store = store
        self._histories = histories
        self._settle = settle

    async def facts(self, tenant_id: str, ground: Ground) -> Facts:
        """What the ledger tells of a job. Raises Unavailable."""
        return await facts_of(self._histories, tenant_id, ground)

    async def orders(self, tenant_id: str, facts: Facts) -> int:
        """Of how many it tells something that they say, beside what is said of who told it."""
        said = {
            sequence: some
            for sequence, pointers in facts.pointers.items()
            if (some := {one for one in pointers if one.startswith("/payload/")})
        }
        return len(await orders_of(self._store, tenant_id, Facts(said)))

    async def counted(self, tenant_id: str, facts: Facts) -> tuple[int, int]:
        """Of the values of which it tells, how many are there, and how many have pseudonyms."""
        states = await self._store.states(tenant_id, list(facts.pointers))
        digests = digests_of(facts, states)
        there = await self._store.left(tenant_id, digests)
        return there, await self._store.replaced(tenant_id, digests)

    async def originals(
        self, tenant_id: str, orders: Sequence[str], actor: str | None
    ) -> Agreement:
        """What is kept apart of these orders, and of the actor."""
        owners: list[Owner] = [("order", order_id) for order_id in orders]
        owners += [("actor", actor)] if actor is not None else []
        return await self._settle.checked(tenant_id, owners)


class Work(NamedTuple):
    """What it takes to do either job. rounds: do to the values what the job is for."""

    subjects: SealedSubjects
    rounds: Rounds
    reading: Reading
    renewing: Renewing
    clock: Clock

    async def done(self, run: Run, ground: Ground, into: Erased) -> tuple[Subject, Found]:
        """Go through all that is the person's; who that is, and what was found. Raises
        SubjectForgotten, KeyUnavailable, Unavailable."""
        subject = self.subjects.open(run.job)
        if subject is None:
            raise SubjectForgotten
        earlier = await self.reading.facts(run.job.tenant_id, ground)
        return subject, await self.rounds(run, subject, into, earlier)

    def report(
        self, found: Found, facts: Facts, orders: dict[str, int], stores: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """What was done, by what the ledger tells of it, and what each store held afterwards."""
        return {
            "orders": {"found": len(found.whole) + len(found.named), **orders},
            "events": len(facts.pointers),
            "values": facts.values,
            "facts": facts.sequences[:_LISTED],
            "stores": stores,
            "checked_at": format_us(self.clock()),
        }


Done = Callable[[Run, Renewed], Awaitable[tuple[dict[str, Any], bool]]]
"""One attempt, given what those before have renewed: its report, and whether nothing was retained.
"""


async def looked_again(
    subjects: SealedSubjects, run: Run, done: Done, failed: type[OrderHistoryError]
) -> Finished:
    """Until nothing is left that should not be. An erasure may come in between: what is gone by
    then is not looked for when it is all looked at again. Raises `failed` if the same is left
    twice, or something each time."""
    renewed, before = Renewed(), None
    for _ in range(_LOOKS):
        report, is_whole = await done(run, renewed)
        left = [(store.get("left"), store.get("lacking")) for store in report["stores"]]
        if not any(any(some) for some in left):
            if is_whole:
                subjects.destroy(run.job.job_id)
            return Finished(report)
        if left == before:
            break
        before = left
    raise failed


class RunPseudonymisation:
    """The handler of pseudonymisations. An attempt that was cut off is made again from its start:
    what has a pseudonym is left alone, and the report is of what the ledger tells of the job."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, run: Run) -> Finished:
        """Raises NotReplaced, KeyUnavailable, Unavailable."""
        return await looked_again(self._work.subjects, run, self._done, NotReplaced)

    async def _done(self, run: Run, renewed: Renewed) -> tuple[dict[str, Any], bool]:
        work, tenant_id = self._work, run.job.tenant_id
        ground, replaced = Ground(PSEUDONYMISED, run.job.job_id), Erased()
        subject, found = await work.done(run, ground, replaced)
        free = [one for one in (*found.whole, *found.named) if one not in replaced.retained]
        whole = replaced.is_whole
        renewed.add(await work.renewing(tenant_id, free, found.actor, subject, lines=whole))
        facts = await work.reading.facts(tenant_id, ground)
        there, with_pseudonyms = await work.reading.counted(tenant_id, facts)
        originals = await work.reading.originals(tenant_id, free, found.actor)
        stale = await work.renewing.terms.stale(tenant_id, free)
        lines = await work.renewing.lines.holding(tenant_id, subject.texts) if whole else None
        in_clear = there - with_pseudonyms
        done = {
            "pseudonymised": await work.reading.orders(tenant_id, facts),
            "retained": len(replaced.retained),
        }
        stores: list[dict[str, Any]] = [
            {"store": VALUES, "replaced": facts.values, "left": in_clear},
            {
                "store": ORIGINALS,
                "kept": originals.kept,
                "left": originals.loose,
                "lacking": originals.lacking,
            },
            {"store": "bucket keys", "data_keys_wrapped_anew": renewed.wrapped},
            {"store": TERMS, "renewed": renewed.terms, "left": stale},
            {"store": LINES, "erased": renewed.lines, "left": lines},
            {"store": "keys in the memory of processes", "gone_within_seconds": 60},
            {"store": "backups", "open": "while a copy of the keys from before this is kept"},
        ]
        return work.report(found, facts, done, stores) | retained_of(replaced), whole


class RunReversal:
    """The handler of what puts values back. An attempt that was cut off is made again from its
    start."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, run: Run) -> Finished:
        """Raises NotPutBack, KeyUnavailable, Unavailable."""
        return await looked_again(self._work.subjects, run, self._done, NotPutBack)

    async def _done(self, run: Run, renewed: Renewed) -> tuple[dict[str, Any], bool]:
        work, tenant_id = self._work, run.job.tenant_id
        ground, terms = Ground(REIDENTIFIED, run.job.job_id), work.renewing.terms
        _, found = await work.done(run, ground, Erased())
        orders = [*found.whole, *found.named]
        renewed.terms += await terms.renew(tenant_id, orders)
        facts = await work.reading.facts(tenant_id, ground)
        _, with_pseudonyms = await work.reading.counted(tenant_id, facts)
        originals = await work.reading.originals(tenant_id, orders, found.actor)
        stale = await terms.stale(tenant_id, orders)
        done = {"put_back": await work.reading.orders(tenant_id, facts)}
        stores = [
            {"store": VALUES, "put_back": facts.values, "left": with_pseudonyms},
            {"store": ORIGINALS, "left": originals.loose, "lacking": originals.lacking},
            {"store": TERMS, "renewed": renewed.terms, "left": stale},
        ]
        return work.report(found, facts, done, stores), True
