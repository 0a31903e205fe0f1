"""What is measured in a database, of the real tables and of a real standby's connection."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from application.watching.figures import ScheduleRun, Standby
from infrastructure.postgres.binaries import directory
from infrastructure.postgres.connect import Pool, open_pool
from infrastructure.postgres.migrate import upgrade
from infrastructure.postgres.tables import CELL
from infrastructure.watching.figures import (
    JOBS,
    LINES,
    LINES_LATELY,
    QUEUED,
    InstallationFigures,
)
from infrastructure.watching.intake import JOBS as OF_TENANT
from infrastructure.watching.schedules import ScheduleRuns

pytestmark = pytest.mark.anyio

NOW_US = 2_000_000_000_000_000
KINDS = ("bulk_ingest", "import")


@pytest.fixture
async def pool(empty_url: str) -> AsyncIterator[Pool]:
    upgrade(empty_url)
    pool = await open_pool(empty_url, "cell_0", min=1, max=2, name="test watching")
    yield pool
    await pool.close()


@pytest.fixture
def figures(pool: Pool) -> InstallationFigures:
    return InstallationFigures(pool, lambda: NOW_US, KINDS)


async def add_job(
    pool: Pool, number: int, status: str, kind: str = "bulk_ingest", **result: int
) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "insert into jobs (tenant_id, job_id, kind, status, submitted_by, submitted_us, result)"
            " values (%s, %s, %s, %s, 'x', %s, %s)",
            (f"t{number % 2}", f"j{number}", kind, status, NOW_US - number * 1000, Jsonb(result)),
        )


async def test_a_store_with_nothing_in_it(figures: InstallationFigures) -> None:
    store = await figures.store()
    assert (store.recorded, store.newest_us, store.attached, store.standbys) == (0, None, 0, ())
    jobs = await figures.jobs()
    assert (jobs.by_status, jobs.oldest_queued_us, jobs.workers) == ({}, 0, 0)
    assert jobs.lines == {"recorded": 0, "duplicates": 0, "conflicts": 0, "rejected": 0}


async def test_what_is_recorded(pool: Pool, figures: InstallationFigures) -> None:
    async with pool.connection() as connection:
        for position, received_us in ((1, 70), (2, 90)):
            await connection.execute(
                "insert into events values (%s, gen_random_uuid(), 1, 't', 'acme', %s, %s, null,"
                " %s, '', '', '')",
                (position, position, f"e{position}", received_us),
            )
    store = await figures.store()
    assert (store.recorded, store.newest_us) == (2, 90)


async def test_jobs_of_all_tenants(pool: Pool, figures: InstallationFigures) -> None:
    await add_job(pool, 1, "queued", recorded=5)
    await add_job(pool, 2, "queued")
    await add_job(pool, 3, "running", "import", recorded=2, duplicates=3, conflicts=4)
    await add_job(pool, 4, "failed", rejected=6, recorded=1)
    await add_job(pool, 5, "queued", "other", recorded=100)
    jobs = await figures.jobs()
    assert jobs.by_status == {"queued": 3, "running": 1, "failed": 1}
    assert jobs.oldest_queued_us == 5000
    assert jobs.lines == {"recorded": 8, "duplicates": 3, "conflicts": 4, "rejected": 6}


async def test_lines_of_jobs_that_finished_long_ago_and_lately(pool: Pool) -> None:
    """Each is counted once, however often it is asked, and whenever it finished."""
    now = [NOW_US]
    figures = InstallationFigures(pool, lambda: now[0], KINDS)

    async def finish(number: int, ago_s: int) -> None:
        await add_job(pool, number, "succeeded", recorded=10**number)
        async with pool.connection() as connection:
            await connection.execute(
                "update jobs set finished_us = %s where job_id = %s",
                (now[0] - ago_s * 1_000_000, f"j{number}"),
            )

    async def recorded() -> int:
        return (await figures.jobs()).lines["recorded"]

    await finish(0, 3600)
    await finish(1, 599)
    await finish(2, -60)  # by the clock of another machine
    await add_job(pool, 3, "running", recorded=1000)
    assert [await recorded(), await recorded()] == [1111, 1111]
    now[0] += 3_600_000_000
    await finish(4, 500)
    assert [await recorded(), await recorded()] == [11111, 11111]


async def test_lines_of_jobs_that_finish_meanwhile_are_counted_once(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A counter that falls is taken for a restart, and all of it for new."""
    figures = InstallationFigures(pool, lambda: NOW_US, KINDS)
    running = [1, 2, 3, 4]
    for number in running:
        await add_job(pool, number, "running", recorded=10**number)
    select = figures._select

    async def then_finish(*asked: Any) -> list[tuple[Any, ...]]:
        rows = await select(*asked)
        if running:
            async with pool.connection() as connection:
                await connection.execute(
                    "update jobs set status = 'succeeded', finished_us = %s where job_id = %s",
                    (NOW_US, f"j{running.pop(0)}"),
                )
        return rows

    monkeypatch.setattr(figures, "_select", then_finish)
    assert (await figures.jobs()).lines["recorded"] == 11110


async def test_what_is_watched_is_read_by_indexes(
    empty_url: str, pool: Pool, figures: InstallationFigures
) -> None:
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("set search_path to cell_0")
        connection.execute(
            "insert into jobs (tenant_id, job_id, kind, status, submitted_by, submitted_us,"
            " finished_us, request) select 't' || n % 20, 'j' || n, 'bulk_ingest', 'succeeded',"
            " 'x', n, n, jsonb_build_object('as wide as real', repeat(md5(n::text), 20))"
            " from generate_series(1, 20000) n"
        )
        connection.execute("vacuum analyze jobs")
        lately = {"kinds": list(KINDS), "since": 19_000, "until": 2**63 - 1}
        for statement, values in (
            (QUEUED, {}),
            (JOBS, {}),
            (LINES, lately),
            (LINES_LATELY, lately),
            (OF_TENANT, {"tenant": "t3", "statuses": ["queued", "succeeded"]}),
        ):
            plan = connection.execute(f"explain {statement}".encode(), values).fetchall()
            text = "\n".join(line for (line,) in plan)
            assert "Seq Scan on jobs" not in text, text
            assert "jobs_by_" in text, text
    await add_job(pool, 0, "queued")
    queue = await figures.queue()
    assert (queue.queued, queue.oldest_queued_us, queue.workers) == (1, 0, 0)


async def test_workers_that_have_just_been_heard_of(
    empty_url: str, figures: InstallationFigures
) -> None:
    with psycopg.connect(empty_url) as connection:
        connection.execute(
            "insert into procrastinate.procrastinate_workers (last_heartbeat)"
            " values (now()), (now() - interval '9 s'), (now() - interval '60 s')"
        )
    assert (await figures.jobs()).workers == 2


async def test_every_table_has_a_size(figures: InstallationFigures) -> None:
    tables = {one.table: one for one in await figures.tables()}
    assert tables.keys() >= {table.name for table in CELL.sorted_tables}
    assert all(tables[name].index_bytes > 0 for name in ("events", "orders", "sources"))


async def test_a_table_grows(pool: Pool, figures: InstallationFigures) -> None:
    async def size() -> int:
        return sum(one.bytes + one.index_bytes for one in await figures.tables()
                   if one.table == "jobs")  # fmt: skip

    before = await size()
    for number in range(200):
        await add_job(pool, number, "succeeded")
    assert await size() > before


@pytest.fixture
def standby(empty_url: str, tmp_path: Path) -> Iterator[str]:
    """The name of one that replicates: for the primary, pg_receivewal is one."""
    receiver = subprocess.Popen(
        [directory() / "pg_receivewal", "-D", tmp_path, "-d", empty_url, "--no-loop"],
        env={**os.environ, "PGAPPNAME": "copy-1"},
        stderr=subprocess.DEVNULL,
    )
    streaming = "select 1 from pg_stat_replication where state = 'streaming'"
    with psycopg.connect(empty_url, autocommit=True) as connection:
        while connection.execute(streaming).fetchone() is None:
            assert receiver.poll() is None, "pg_receivewal ended"
    yield "copy-1"
    receiver.terminate()
    receiver.wait(10)


async def test_a_standby(empty_url: str, figures: InstallationFigures, standby: str) -> None:
    """The application's role sees that there is one, and more once it may read statistics."""
    store = await figures.store()
    assert (store.attached, store.standbys) == (1, (Standby(standby, None, None),))
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("grant pg_read_all_stats to order_history_app")
        try:
            (told,) = (await figures.store()).standbys
        finally:
            connection.execute("revoke pg_read_all_stats from order_history_app")
    assert told.name == standby
    assert told.behind_bytes is not None
    assert told.behind_us is not None


async def test_schedules_are_known_by_their_newest_run(pool: Pool) -> None:
    now = [100]
    runs = ScheduleRuns(pool, lambda: now[0])
    assert await runs.all() == []
    await runs.ran("sweep", 60, "Unavailable")
    now[0] = 200
    await runs.ran("sweep", 60, None)
    await runs.ran("other", 5, "ValueError")
    assert await runs.all() == [
        ScheduleRun("other", 5, 200, "ValueError"),
        ScheduleRun("sweep", 60, 200, None),
    ]
