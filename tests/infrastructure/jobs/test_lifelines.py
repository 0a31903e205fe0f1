from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest

from application.jobs.ports import Job, new_job_id
from infrastructure.jobs.lifelines import SETTINGS, PostgresLifelines
from infrastructure.jobs.store import PostgresJobStore
from infrastructure.postgres.connect import Pool, connect_one, open_pool

pytestmark = pytest.mark.anyio

LOCKS = """
select a.pid from pg_locks l join pg_stat_activity a using (pid)
 where l.locktype = 'advisory' and a.application_name = 'test lifeline' and l.granted
   and a.datname = current_database()
"""


def clock() -> int:
    return time.time_ns() // 1000


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, "cell_0", min=1, max=4, name="test lifelines")
    yield pool
    await pool.close()


@pytest.fixture
def lifelines(database_url: str, pool: Pool) -> PostgresLifelines:
    async def connect() -> Any:
        return await connect_one(database_url, "cell_0", name="test lifeline", settings=SETTINGS)

    return PostgresLifelines(connect, pool, clock)


async def connect(url: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(url, autocommit=True)


async def holders(url: str, wanted: Callable[[list[int]], bool]) -> list[int]:
    """The server's processes that hold a lifeline, once they are as wanted."""
    async with asyncio.timeout(30), await connect(url) as connection:
        while True:
            found = [row[0] for row in await (await connection.execute(LOCKS)).fetchall()]
            if wanted(found):
                return found
            await asyncio.sleep(0.01)


async def test_what_nobody_holds_is_buried_once(pool: Pool, lifelines: PostgresLifelines) -> None:
    store = PostgresJobStore(pool, clock)

    async def made(tenant_id: str, **changed: Any) -> Job:
        given: dict[str, Any] = {"kind": "k", "status": "running", **changed}
        job = Job(
            tenant_id=tenant_id, job_id=new_job_id(), submitted_by="s", submitted_us=7, **given
        )
        return await store.create(job)

    held, queued, other = (
        await made("a"),
        await made("a", status="queued"),
        await made("a", kind="x"),
    )
    dead = [await made("a"), await made("b")]
    async with lifelines.held(held.job_id):
        assert await lifelines.bury("k") == 2
        assert await lifelines.bury("k") == 0
    for job in dead:
        after = await store.get(job.tenant_id, job.job_id)
        assert after is not None
        assert (after.status, len(after.errors)) == ("failed", 1)
        assert after.finished_us is not None
    for job in (held, queued, other):
        assert await store.get(job.tenant_id, job.job_id) == job


async def test_a_lifeline_that_is_cut_is_held_again(
    database_url: str, lifelines: PostgresLifelines
) -> None:
    async with lifelines.held("job_x"):
        (first,) = await holders(database_url, bool)
        async with await connect(database_url) as connection:
            await connection.execute("select pg_terminate_backend(%s)", (first,))
        (second,) = await holders(database_url, lambda found: bool(found) and first not in found)
        assert second != first
    assert await holders(database_url, lambda found: not found) == []


async def test_a_job_is_settled_once_its_transaction_has_ended(
    database_url: str, pool: Pool
) -> None:
    """As after a connection lost at COMMIT: the server may still be at it."""
    store = PostgresJobStore(pool, clock)
    job = await store.create(
        Job(tenant_id="a", job_id=new_job_id(), kind="k", submitted_by="s", submitted_us=7)
    )
    async with await connect_one(database_url, "cell_0", name="test jobs") as connection:
        async with connection.transaction():
            await connection.execute("update jobs set done = 5 where job_id = %s", (job.job_id,))
            asked = asyncio.ensure_future(store.settled("a", job.job_id))
            before = await store.get("a", job.job_id)
        after = await asked
    assert before is not None
    assert after is not None
    assert (before.done, after.done) == (0, 5)
