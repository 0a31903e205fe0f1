"""What has come of a source's numbers, however events arrive and are cut into batches."""

from __future__ import annotations

from random import Random

import pytest

from projections.reading import Connection
from projections.rebuild import compare, rebuild
from projections.sources.ranges import ranges_of
from tests.projections.conftest import Connect
from tests.projections.filling import START_US, Fact, Filling
from tests.projections.sources.following import MODEL, follow, numbered, ranges_in

pytestmark = pytest.mark.anyio

MINUTE = 60_000_000


@pytest.mark.parametrize("cut", [1, 2, 7, 1000])
async def test_events_in_any_order(
    as_owner: Connect, app: Connection, filling: Filling, cut: int
) -> None:
    random = Random(cut)
    given = {
        ("acme", "oms"): [number for number in range(1, 61) if number % 7],
        ("acme", "shop"): [*range(100, 140), *range(100, 120)],
        ("umbrella", "oms"): random.sample(range(1000), 50),
    }
    facts = [numbered(n, source, tenant) for (tenant, source), all_ in given.items() for n in all_]
    random.shuffle(facts)
    await filling.add(*facts)
    await follow(app, cut)
    assert await ranges_in(app) == [
        (*key, low, high) for key, numbers in given.items() for low, high in ranges_of(numbers)
    ]
    rows = await (
        await app.execute(
            "select tenant_id, source, events, lowest, highest, numbered from sources order by 1, 2"
        )
    ).fetchall()
    assert rows == [
        (*key, len(numbers), min(numbers), max(numbers), len(set(numbers)))
        for key, numbers in given.items()
    ]
    assert await compare(as_owner, [MODEL]) == []


async def test_a_late_event_closes_its_gap(app: Connection, filling: Filling) -> None:
    await filling.add(numbered(1), numbered(3))
    await follow(app)
    assert await ranges_in(app) == [("acme", "shop", 1, 1), ("acme", "shop", 3, 3)]
    await filling.add(numbered(2))
    await follow(app)
    assert await ranges_in(app) == [("acme", "shop", 1, 3)]


@pytest.mark.parametrize("number", [None, -1, True, "7", 1.5, 2**53, 2**64 - 1, [1], {"n": 1}])
async def test_what_is_no_number_is_left_out(
    app: Connection, filling: Filling, number: object
) -> None:
    await filling.add(numbered(number), numbered(0), numbered(2**53 - 1))
    await follow(app)
    assert [row[2:] for row in await ranges_in(app)] == [(0, 0), (2**53 - 1, 2**53 - 1)]
    cursor = await app.execute("select events, numbered from sources")
    assert await cursor.fetchall() == [(3, 2)]


async def test_the_services_own_acts_have_no_source(app: Connection, filling: Filling) -> None:
    await filling.add(Fact(None, "history.export.made"), numbered(1))
    await follow(app)
    cursor = await app.execute("select source, events, last_sequence, last_us from sources")
    assert await cursor.fetchall() == [("shop", 1, 2, START_US + 2_000_000)]


@pytest.mark.parametrize("cut", [59, 60, 1000])
async def test_the_last_minutes_with_an_event(
    as_owner: Connect, app: Connection, filling: Filling, cut: int
) -> None:
    """The n-th event of the test's store is received in its n-th second."""
    await filling.add(*(numbered(None) for _ in range(65 * 60)))
    await follow(app, cut)
    cursor = await app.execute("select minutes from sources")
    begun = START_US // MINUTE
    assert await cursor.fetchall() == [([*range(begun + 6, begun + 66)],)]
    await rebuild(as_owner, [MODEL])
    assert await compare(as_owner, [MODEL]) == []
