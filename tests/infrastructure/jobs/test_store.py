from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from application.jobs.ports import Job, job_view, new_job_id
from infrastructure.jobs.store import PostgresJobStore
from infrastructure.postgres.connect import open_pool

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresJobStore]:
    pool = await open_pool(database_url, "cell_0", min=1, max=4, name="test jobs")
    yield PostgresJobStore(pool, lambda: time.time_ns() // 1000)
    await pool.close()


def job(**changed: object) -> Job:
    made = Job(tenant_id="t", job_id=new_job_id(), kind="k", submitted_by="s", submitted_us=7)
    return msgspec.structs.replace(made, **changed)


async def test_a_job_belongs_to_its_tenant(store: PostgresJobStore) -> None:
    made = await store.create(job(request={"a": [1]}))
    assert await store.get("t", made.job_id) == made
    assert await store.get("u", made.job_id) is None
    assert await store.begin("u", made.job_id) is None
    assert not await store.finish("u", made.job_id, "failed")
    assert not await store.progress("u", made.job_id, 1, 2)
    assert await store.get("t", made.job_id) == made


async def test_a_job_that_is_over_never_changes(store: PostgresJobStore) -> None:
    made = await store.create(job())
    begun = await store.begin("t", made.job_id)
    assert begun is not None
    assert begun.status == "running"
    assert await store.progress("t", made.job_id, 3, 9)
    assert await store.finish("t", made.job_id, "succeeded", result={"n": 1}, errors=[{"e": 2}])
    after = await store.get("t", made.job_id)
    assert after is not None
    assert (after.status, after.done, after.total) == ("succeeded", 3, 9)
    assert (after.result, after.errors) == ({"n": 1}, [{"e": 2}])
    assert after.finished_us is not None
    assert not await store.finish("t", made.job_id, "cancelled")
    assert not await store.progress("t", made.job_id, 4, 9)
    assert await store.begin("t", made.job_id) == after


async def test_one_key_of_a_submitter_is_one_job(store: PostgresJobStore) -> None:
    same = [job(idempotency_key="k") for _ in range(5)]
    made = await asyncio.gather(*(store.create(one) for one in same))
    assert len({one.job_id for one in made}) == 1
    assert await store.with_key("t", "s", "k") == made[0]
    assert await store.with_key("t", "other", "k") is None
    assert await store.with_key("u", "s", "k") is None
    other = job(idempotency_key="k", submitted_by="other")
    assert (await store.create(other)).job_id == other.job_id


async def test_what_a_job_has_come_to_is_kept_with_how_far_it_is(store: PostgresJobStore) -> None:
    made = await store.create(job())
    assert await store.progress("t", made.job_id, 3, 9, {"n": 1})
    assert await store.progress("t", made.job_id, 4, 9)
    assert await store.finish("t", made.job_id, "cancelled")
    assert not await store.progress("t", made.job_id, 5, 9, {"n": 2})
    after = await store.get("t", made.job_id)
    assert after is not None
    assert (after.status, after.done, after.result) == ("cancelled", 4, {"n": 1})


async def test_a_tenants_jobs_are_listed_the_newest_first(store: PostgresJobStore) -> None:
    made = [
        await store.create(
            job(
                tenant_id="lists",
                submitted_us=number // 2,  # two at a time
                submitted_by="ann" if number % 3 else "bob",
                kind="even" if number % 2 == 0 else "odd",
            )
        )
        for number in range(9)
    ]
    await store.create(job(tenant_id="another"))
    await store.finish("lists", made[4].job_id, "failed")
    newest = sorted(made, key=lambda one: (one.submitted_us, one.job_id), reverse=True)
    ids = [one.job_id for one in newest]
    assert [one.job_id for one in await store.listed("lists")] == ids

    walked: list[str] = []
    before: tuple[int, str] | None = None
    while page := await store.listed("lists", before=before, limit=2):
        walked += [one.job_id for one in page]
        before = page[-1].submitted_us, page[-1].job_id
    assert walked == ids

    bobs = await store.listed("lists", submitted_by="bob")
    assert {one.job_id for one in bobs} == {made[at].job_id for at in (0, 3, 6)}
    odd = await store.listed("lists", kind="odd", submitted_by="bob")
    assert [one.job_id for one in odd] == [made[3].job_id]
    assert [one.job_id for one in await store.listed("lists", status="failed")] == [made[4].job_id]


async def test_live_jobs_are_told_by_kind(store: PostgresJobStore) -> None:
    one, two, over = [await store.create(job(kind="live", tenant_id=t)) for t in ("a", "b", "c")]
    await store.create(job(kind="another"))
    await store.begin("b", two.job_id)
    await store.finish("c", over.job_id, "failed")
    assert set(await store.live(["live"])) == {("a", one.job_id), ("b", two.job_id)}


async def test_the_view_is_as_the_contract_says() -> None:
    shown = msgspec.json.decode(job_view(job(job_id="job_1", total=5, done=2, finished_us=8)))
    assert shown == {
        "job_id": "job_1",
        "kind": "k",
        "status": "queued",
        "submitted_by": "s",
        "submitted_at": "1970-01-01T00:00:00.000007Z",
        "finished_at": "1970-01-01T00:00:00.000008Z",
        "progress": {"done": 2, "total": 5},
        "result": {},
        "errors": [],
    }
