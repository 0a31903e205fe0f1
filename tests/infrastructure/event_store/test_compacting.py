"""Snapshots of orders at rest: of which orders, and not twice."""

from __future__ import annotations

import psycopg
import pytest

from domain.times import parse_us
from infrastructure.event_store import compacting
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.compacting import LEAST, SnapshotsAtRest
from infrastructure.postgres.connect import address, connect_one
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import accepted, fresh
from tests.projections.reconciling.walks import follow

pytestmark = pytest.mark.anyio
BEFORE = parse_us("2025-02-01T00:00:00Z")


async def record(committer: Committer, tenant: str, order: str, count: int, month: str) -> None:
    events = (f"{order}-{number}" for number in range(count))
    at = f"2025-{month}-15T00:00:00Z"
    drafts = [draft(event_id, order, tenant, occurred_at=at) for event_id in events]
    accepted(await committer.submit(drafts))


async def test_orders_at_rest_with_much_to_fold_get_one(
    committer: Committer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacting, "ORDERS_AT_ONCE", 2)
    tenant, another = fresh("at-rest"), fresh("another")
    await record(committer, tenant, "long", LEAST + 3, "01")
    await record(committer, tenant, "enough", LEAST, "01")
    await record(committer, tenant, "short", LEAST - 1, "01")
    await record(committer, tenant, "busy", LEAST + 7, "02")
    await record(committer, another, "other", LEAST + 5, "01")
    async with await connect_one(database_url, "cell_0", name="test hub") as connection:
        await follow(connection)
    target = address(database_url, "cell_0", name="test compaction")
    compaction = SnapshotsAtRest(lambda: psycopg.connect(target, autocommit=True))

    async def compacted() -> tuple[int, int]:
        """How many orders were looked at, and how many snapshots taken."""
        place, orders, snapshots = None, 0, 0
        while True:
            step = await compaction.step(tenant, BEFORE, place)
            orders, snapshots = orders + step.orders, snapshots + step.snapshots
            place = step.place
            if place is None:
                return orders, snapshots

    def versions() -> list[int]:
        taken = "select originator_version from aggregate_snapshots order by 1"
        with psycopg.connect(target) as connection:
            return [version for (version,) in connection.execute(taken).fetchall()]

    assert await compaction.orders(tenant, BEFORE) == 3
    assert await compacted() == (3, 2)
    assert versions() == [LEAST, LEAST + 3]
    assert await compacted() == (3, 0)
    assert versions() == [LEAST, LEAST + 3]
