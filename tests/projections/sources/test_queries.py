from __future__ import annotations

import pytest

from application.watching.diagnostics import SourceRow
from infrastructure.postgres.connect import Pool
from projections.reading import Connection
from projections.sources.queries import SOURCES, SourceQueries
from tests.projections.filling import START_US, Filling
from tests.projections.sources.following import follow, numbered

pytestmark = pytest.mark.anyio

MINUTE = START_US // 60_000_000


async def test_each_source_of_the_tenant(app: Connection, filling: Filling, pool: Pool) -> None:
    await filling.add(
        numbered(3), numbered(1), numbered(None, "oms"), numbered(9, "oms", "umbrella"), numbered(7)
    )
    await follow(app)
    assert await SourceQueries(pool).of("acme", 10, 5) == [
        SourceRow("shop", 3, 4, START_US + 5_000_000, [MINUTE], 1, 7, 3, [(2, 2), (4, 6)]),
        SourceRow("oms", 1, 3, START_US + 3_000_000, [MINUTE], None, None, 0, []),
    ]
    assert await SourceQueries(pool).of("nobody", 10, 5) == []


async def test_the_first_gaps_of_those_heard_last(
    app: Connection, filling: Filling, pool: Pool
) -> None:
    await filling.add(numbered(1, "old"), *(numbered(number) for number in range(0, 100, 2)))
    await follow(app)
    (row,) = await SourceQueries(pool).of("acme", 1, 3)
    assert (row.source, row.numbered) == ("shop", 50)
    assert row.gaps == [(1, 1), (3, 3), (5, 5)]


async def test_a_source_without_a_gap_has_none_told(
    app: Connection, filling: Filling, pool: Pool
) -> None:
    await filling.add(*(numbered(number) for number in (3, 1, 2, 5, 4)))
    await follow(app)
    (row,) = await SourceQueries(pool).of("acme", 10, 5)
    assert (row.lowest, row.highest, row.numbered, row.gaps) == (1, 5, 5, [])


async def test_gaps_are_found_by_the_key(app: Connection, filling: Filling, pool: Pool) -> None:
    """However many ranges there are: no scan, no sort of all of them."""
    await filling.add(*(numbered(number) for number in range(0, 6000, 2)))
    await follow(app)
    parameters = {"tenant": "acme", "limit": 10, "gaps": 5}
    await app.execute("reset all")
    async with pool.connection() as connection:
        rows = await (
            await connection.execute(f"explain (analyze, costs off) {SOURCES}".encode(), parameters)
        ).fetchall()
    plan = "\n".join(line for (line,) in rows)
    assert "source_ranges_pkey" in plan
    read = next(line for line in rows if "source_ranges_pkey" in line[0])[0]
    assert float(read.partition("rows=")[2].partition(" ")[0]) < 20, plan
