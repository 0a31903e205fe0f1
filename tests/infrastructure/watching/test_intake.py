from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from application.watching.diagnostics import FailedLine
from domain.times import format_us
from infrastructure.postgres.connect import Pool, open_pool
from infrastructure.watching.intake import IntakeSamples

pytestmark = pytest.mark.anyio

REASON = [{"pointer": "/type", "detail": "is required"}]


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, "cell_0", min=1, max=2, name="test intake")
    yield pool
    async with pool.connection() as connection:
        await connection.execute("delete from jobs")
        await connection.execute("delete from job_lines")
    await pool.close()


async def add_job(pool: Pool, tenant: str, job: str, at: int, lines: int, **result: int) -> None:
    """A job with so many kept lines, each a second after the one before."""
    async with pool.connection() as connection:
        await connection.execute(
            "insert into jobs (tenant_id, job_id, kind, status, submitted_by, submitted_us, result)"
            " values (%s, %s, 'bulk_ingest', 'succeeded', 'x', %s, %s)",
            (tenant, job, at, Jsonb(result)),
        )
        values: list[tuple[Any, ...]] = [
            (tenant, job, line, "rejected", Jsonb(REASON), b"jane@doe.com", at + line * 1_000_000)
            for line in range(1, lines + 1)
        ]
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "insert into job_lines values (%s, %s, %s, %s, %s, %s, %s)", values
            )


async def test_the_newest_lines_without_what_they_said(pool: Pool) -> None:
    await add_job(pool, "acme", "old", 0, 5, rejected=5)
    await add_job(pool, "acme", "new", 10_000_000, 3, conflicts=3)
    await add_job(pool, "acme", "well", 99_000_000, 0, recorded=3)
    await add_job(pool, "other", "theirs", 99_000_000, 3, rejected=3)
    found = await IntakeSamples(pool).failed_lines("acme", 4)
    assert found == [
        FailedLine(job, line, "rejected", REASON, format_us(at))
        for job, line, at in (
            ("new", 3, 13_000_000), ("new", 2, 12_000_000), ("new", 1, 11_000_000),
            ("old", 5, 5_000_000),
        )
    ]  # fmt: skip


async def test_jobs_of_the_tenant_alone(pool: Pool) -> None:
    await add_job(pool, "acme", "a", 0, 0)
    await add_job(pool, "acme", "b", 0, 0)
    await add_job(pool, "other", "c", 0, 0)
    assert await IntakeSamples(pool).jobs("acme") == {"succeeded": 2}
    assert await IntakeSamples(pool).jobs("nobody") == {}
