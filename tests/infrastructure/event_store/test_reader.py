"""Bodies: in the order asked for, with the corrections of the same order that refer to them."""

from __future__ import annotations

import pytest

from infrastructure.event_store.committer import Committer
from infrastructure.event_store.reader import Reader
from infrastructure.postgres.connect import Pool, open_pool
from tests.domain.ledger.drafts import correction, draft
from tests.infrastructure.event_store.kit import Ledger, accepted, fresh, plans

pytestmark = pytest.mark.anyio


async def test_bodies_come_in_the_order_asked_for(committer: Committer, pool: Pool) -> None:
    tenant = fresh("reading")
    drafts = [draft(f"e{number}", tenant_id=tenant) for number in range(5)]
    events = [outcome.event for outcome in accepted(await committer.submit(drafts))]
    positions = [events[number].position for number in (3, 0, 4)]
    rows = await Reader(pool).bodies(tenant, positions)
    assert [row.position for row in rows] == positions
    assert [row.state for row in rows] == [events[number].state for number in (3, 0, 4)]
    assert {row.corrected_by for row in rows} == {()}
    assert await Reader(pool).bodies(tenant, []) == []


async def test_corrections_of_the_order_are_named_by_sequence(
    committer: Committer, pool: Pool
) -> None:
    tenant = fresh("corrected")
    drafts = [
        draft("e1", tenant_id=tenant),
        draft("e2", tenant_id=tenant),
        correction("z", "e1", tenant_id=tenant),
        correction("a", "e1", tenant_id=tenant),
        correction("of another order", "e1", "o2", tenant_id=tenant),
        correction("m", "e1", tenant_id=tenant),
        correction("of a correction", "z", tenant_id=tenant),
    ]
    outcomes = [(await committer.submit([one]))[0] for one in drafts]
    events = [outcome.event for outcome in accepted(outcomes[:4] + outcomes[5:6])]
    other = fresh("stranger")
    accepted(await committer.submit([draft("e1", tenant_id=other)]))
    accepted(await committer.submit([correction("theirs", "e1", tenant_id=other)]))
    rows = await Reader(pool).bodies(tenant, [event.position for event in events])
    links = [row.corrected_by for row in rows]
    assert links == [("z", "a", "m"), (), (), (), ()]
    one = await Reader(pool).by_id(tenant, "e1")
    assert one == rows[0], "read alone or on a page, an event is the same"


async def test_one_plan_serves_pages_of_any_length(
    committer: Committer, database_url: str, ledger: Ledger
) -> None:
    tenant = fresh("planned")
    positions: list[int] = []
    for batch in range(
        16
    ):  # so many, with corrections, that what a page costs depends on its length
        ids = [f"e{batch}-{number}" for number in range(125)]
        drafts = [draft(event_id, tenant_id=tenant) for event_id in ids]
        drafts += [correction(f"c{event_id}", event_id, tenant_id=tenant) for event_id in ids]
        positions += [one.event.position for one in accepted(await committer.submit(drafts))]
    ledger.connection.execute("analyze events")
    alone = await open_pool(database_url, "cell_0", min=1, max=1, name="test plans")
    try:
        reader = Reader(alone)
        for count in [*[1, 2, 3] * 4, 40]:
            assert len(await reader.bodies(tenant, positions[:count])) == count
        kept, new = await plans(alone, "left join events c")
    finally:
        await alone.close()
    assert kept > 0, "planned anew for each page"
    assert new == 5, "the server tries so often before it keeps a plan"
