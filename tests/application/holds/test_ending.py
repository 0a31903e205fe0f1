"""Whatever waits for the end of a hold is told of it, released or expired, whoever ended it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from application.erasure.requests import SealedSubjects
from application.erasure.resuming import ResumeErasures
from application.holds.ending import TellEndings
from application.holds.managing import ManageHolds
from application.jobs.asking import Jobs
from application.jobs.ports import Job, new_job_id
from application.search.searching import Search
from domain.access.caller import Caller
from domain.audit.acts import Doer
from domain.erasure.requests import ERASURE
from domain.erasure.subjects import Subject
from domain.errors import Unavailable
from domain.holds.holds import STREAM
from domain.tenancy.closing import Closing
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.tenants import TenantsHaving
from infrastructure.jobs.store import PostgresJobStore
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool
from interfaces.composition.endings import FoundByItself
from tests.application.holds.kit import ANN, World, order
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import fresh

pytestmark = pytest.mark.anyio


class Waiting:
    """Notes what it is told; fails, or has something under way at each ending, as often as it is
    told to."""

    def __init__(self, failures: int = 0, under_way: int = 0) -> None:
        self.failures = failures
        self.under_way = under_way
        self.told: list[tuple[str, str]] = []

    async def released(self, tenant_id: str, hold_id: str) -> bool:
        if self.failures:
            self.failures -= 1
            raise Unavailable
        self.told.append((tenant_id, hold_id))
        return self.told.count((tenant_id, hold_id)) > self.under_way

    def of(self, tenant: str) -> list[str]:
        return [hold_id for told, hold_id in self.told if told == tenant]


def telling(world: World, pool: Pool, *waiting: Waiting) -> TellEndings:
    return TellEndings(world.acts, TenantsHaving(pool, STREAM), world.clock, waiting)


async def test_each_ending_is_told_once_by_a_worker(world: World, pool: Pool) -> None:
    tenant, waiting = fresh("tells"), Waiting()
    tell = telling(world, pool, waiting)
    await world.place(tenant, "h1", order("a"), expires_us=world.clock.now_us + 5)
    await world.place(tenant, "h2", order("b"))
    await world.place(tenant, "h3", order("c"))
    await tell()
    assert waiting.of(tenant) == []
    await world.release(tenant, "h2")
    await tell()
    assert waiting.of(tenant) == ["h2"]
    world.clock.now_us += 5  # the stream stands still; time does not
    assert await tell() == 1
    assert await tell() == 0
    assert waiting.of(tenant) == ["h2", "h1"]


async def test_a_new_worker_tells_what_one_before_it_may_have_lost(
    world: World, pool: Pool
) -> None:
    tenant, waiting = fresh("again"), Waiting()
    await world.place(tenant, "h1", order("a"))
    await world.release(tenant, "h1")
    for _ in range(2):
        await telling(world, pool, waiting)()
    assert waiting.of(tenant) == ["h1", "h1"]


async def test_who_has_left_waits_for_nothing(world: World, pool: Pool) -> None:
    tenant, waiting = fresh("left"), Waiting()
    await world.place(tenant, "h1", order("a"))
    await world.release(tenant, "h1")
    await world.acts.act(tenant, Doer("ops"), Closing, lambda one: one.close(tenant, None))
    await telling(world, pool, waiting)()
    assert waiting.of(tenant) == []


async def test_what_could_not_be_told_is_told_again(world: World, pool: Pool) -> None:
    tenant, waiting = fresh("fails"), Waiting(failures=1)
    await world.place(tenant, "h1", order("a"))
    await world.release(tenant, "h1")
    tell = telling(world, pool, waiting)
    with pytest.raises(Unavailable):
        await tell()
    await tell()
    assert waiting.of(tenant) == ["h1"]


async def test_it_is_told_until_nothing_is_under_way_that_met_the_hold(
    world: World, pool: Pool
) -> None:
    tenant, waiting = fresh("under-way"), Waiting(under_way=2)
    await world.place(tenant, "h1", order("a"))
    await world.release(tenant, "h1")
    tell = telling(world, pool, waiting)
    for _ in range(5):
        await tell()
    assert waiting.of(tenant) == ["h1"] * 3


async def test_a_job_that_ends_after_the_hold_it_met_is_gone_on_with(
    world: World, pool: Pool, key_store: FileKeyStore
) -> None:
    tenant, store = fresh("late-end"), PostgresJobStore(pool, world.clock)
    subjects = SealedSubjects(key_store)
    ann = Subject("cust_ann")
    made = Job(
        tenant_id=tenant,
        job_id=new_job_id(),
        kind=ERASURE,
        submitted_by="ann",
        submitted_us=world.clock(),
    )
    job = subjects.put(made, ann, "order_data")
    jobs = Jobs(store, FoundByItself())
    resume = ResumeErasures(jobs, store, subjects, world.clock)
    tell = TellEndings(world.acts, TenantsHaving(pool, STREAM), world.clock, [resume])
    await world.place(tenant, "h1", order("a"))
    await store.create(job)
    await store.begin(tenant, job.job_id)
    await world.release(tenant, "h1")
    await tell()
    waits = {"hold_ids": ["h1"], "duty_over_at": None, "policies_version": 0}
    world.clock.now_us += 5
    await store.finish(tenant, job.job_id, "succeeded", result={"waits_for": waits})
    await tell()
    again, earlier = await store.listed(tenant, kind=ERASURE)
    assert (again.status, earlier.job_id) == ("queued", job.job_id)
    assert subjects.open(again) == ann
    await store.finish(tenant, again.job_id, "succeeded")


async def test_a_release_tells_at_once_and_is_released_whatever_waits(world: World) -> None:
    tenant, failing, waiting = fresh("at-once"), Waiting(failures=1), Waiting()
    on_release: Sequence[Any] = (failing, waiting)
    manage = ManageHolds(world.acts, cast(Search, world.search), world.clock, on_release)
    caller = Caller("ann", tenant, frozenset(), frozenset(), 1)
    body = {"target": "order", "target_id": "a", "case_id": "case_1"}
    hold = await manage.place(caller, ANN, body)
    await manage.release(caller, ANN, hold.hold_id)
    assert (failing.told, waiting.told) == ([], [(tenant, hold.hold_id)])
    assert (await manage.get(tenant, hold.hold_id)).status(world.clock()) == "released"
    await manage.release(caller, ANN, hold.hold_id)
    assert len(waiting.told) == 1


async def test_who_has_holds(world: World, pool: Pool, door: Committer) -> None:
    holding, other = fresh("holding"), fresh("none")
    await world.place(holding, "h1", order("a"))
    await door.submit([draft("e1", "o1", other)])
    tenants = await TenantsHaving(pool, STREAM)()
    assert holding in tenants
    assert other not in tenants
    assert list(tenants) == sorted(tenants)
