"""System maintenance in the orders read model: marked, left out of timelines, counted."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.postgres.connect import Pool
from projections.orders import statements
from projections.orders.queries import OrderQueries
from projections.reading import Connection
from projections.rebuild import compare, rebuild
from tests.projections.conftest import Connect
from tests.projections.filling import Fact, Filling
from tests.projections.indexing import orders_model
from tests.projections.orders.following import project

pytestmark = pytest.mark.anyio

SYSTEM = {"actor_type": "system", "actor_id": "cron"}
MARKED = {"maintenance": True}
FACTS = (
    Fact("o1", "order.created", {}, 0, metadata=SYSTEM),
    Fact("o1", "order.note.added", {}, 9, metadata=SYSTEM),
    Fact("o1", "order.note.added", {}, 1),
    Fact("o1", "shop.cache.warmed", {}, 2, metadata=MARKED),
    Fact("o1", "shop.cache.warmed", {}, 3, metadata={**SYSTEM, "audit": True}),
    Fact("o1", "order.correction", {"correction": "no"}, 4, correction_of="x", metadata=MARKED),
    Fact("o1", "shop.cache.warmed", {}, 3, tenant="other", metadata=MARKED),
    Fact("o2", "shop.cache.warmed", {}, 5, metadata={"maintenance": 1}),
    Fact("o3", "shop.cache.warmed", {}, 5, metadata=MARKED),
    Fact(None, "history.export.made", {}, 6),
)
MAINTENANCE = [("acme", 2), ("acme", 4), ("acme", 8), ("other", 1)]


@pytest.fixture
async def queries(pool: Pool, app: Connection, filling: Filling) -> OrderQueries:
    await filling.add(*FACTS)
    await project(app)
    return OrderQueries(pool)


async def marked(connection: Connection) -> list[Any]:
    text = "select tenant_id, sequence from order_events where maintenance order by 1, 2"
    return await (await connection.execute(text)).fetchall()


async def test_each_event_is_marked_as_a_rebuild_marks_it(
    queries: OrderQueries, app: Connection, as_owner: Connect
) -> None:
    assert await marked(app) == MAINTENANCE
    assert await compare(as_owner, [orders_model()]) == []
    await rebuild(as_owner, [orders_model()])
    assert await marked(app) == MAINTENANCE


@pytest.mark.parametrize(
    ("asked", "shown", "every"),
    [
        ({}, [1, 3, 5, 6], [1, 3, 4, 5, 6, 2]),
        ({"order": "sequence"}, [1, 3, 5, 6], [1, 2, 3, 4, 5, 6]),
        ({"type_pattern": "shop.cache.warmed"}, [5], [4, 5]),
        ({"type_pattern": "shop.*"}, [5], [4, 5]),
        ({"type_pattern": "order.note.added"}, [3], [3, 2]),
    ],
)
async def test_a_timeline_with_it_and_without(
    queries: OrderQueries, asked: dict[str, Any], shown: list[int], every: list[int]
) -> None:
    for maintenance, wanted in ((False, shown), (True, every)):
        more: dict[str, Any] = {**asked, "maintenance": maintenance, "limit": 1}
        walked = []
        after = None
        while page := await queries.timeline("acme", "o1", after=after, **more):
            walked += [key.sequence for key in page]
            after = (page[-1].occurred_us, page[-1].sequence)
        assert walked == wanted


async def test_lists_and_counts_leave_nothing_out(queries: OrderQueries) -> None:
    found = await queries.aggregate("acme", "o1")
    assert found is not None
    assert (found.event_count, found.maintenance_events) == (6, 2)
    assert found.by_type["shop.cache.warmed"] == 2
    assert [actor.events for actor in found.actors] == [3]
    assert len(await queries.events("acme", order_id="o1")) == 6
    (order,) = await queries.by_ids("acme", ["o3"])
    assert order.event_count == 1
    assert await queries.timeline("acme", "o3") == []
    assert await queries.order_exists("acme", "o3")


async def test_no_row_is_read_of_what_is_left_out(
    app: Connection, owner: Connection, filling: Filling
) -> None:
    """Of an order of 2,500 events, nine of ten of them maintenance."""
    kinds = (None, *[MARKED] * 9)
    facts = (Fact("big", at=n, metadata=kinds[n % 10]) for n in range(2500))
    await filling.add_rows([filling.row(fact) for fact in facts])
    await project(app)
    await owner.execute("vacuum analyze order_events")
    values = {"tenant": "acme", "order_id": "big", "limit": 51, "after_us": 0, "after_sequence": 0}
    for after in (False, True):
        text = statements.timeline(frozenset(), False, after)
        cursor = await app.execute(f"explain (analyze, timing off) {text}".encode(), values)
        plan = "\n".join(line for (line,) in await cursor.fetchall())
        assert "order_events_timeline" in plan
        assert "maintenance = false" in plan.partition("Index Cond")[2], plan
        for more in ("Filter", "Sort"):
            assert more not in plan, plan
