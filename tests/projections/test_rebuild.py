"""A rebuild gives the same tables while hub, writers and readers go on, and may be killed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from domain.errors import Conflict
from projections import shadow
from projections.digest import digest
from projections.orders.model import OrdersModel
from projections.progress import status
from projections.reading import Batch, Connection, Notification
from projections.rebuild import compare, rebuild
from tests.projections.conftest import Connect
from tests.projections.filling import Fact, Filling
from tests.projections.hubs import hub, running, until_caught_up
from tests.projections.indexing import INDEXING, orders_model
from tests.projections.worlds import world

pytestmark = pytest.mark.anyio
MODEL = orders_model()
TABLES = [table.name for table in MODEL.tables]

# Everything by which the database knows a table but its content.
_CATALOG = """
select c.relname, c.relacl::text, c.relowner,
       (select array_agg((a.attname, a.atttypid, a.attnotnull, col_description(c.oid, attnum))::text
                         order by attnum)
          from pg_attribute a where a.attrelid = c.oid and attnum > 0),
       (select array_agg(pg_get_indexdef(indexrelid) order by indexrelid::regclass::text)
          from pg_index where indrelid = c.oid),
       (select array_agg((conname, contype, convalidated, pg_get_constraintdef(k.oid))::text
                         order by conname)
          from pg_constraint k where conrelid = c.oid)
  from pg_class c join pg_namespace n on n.oid = relnamespace
 where nspname = current_schema() and relkind = 'r' order by 1
"""


async def catalog(connection: Connection) -> list[Any]:
    return await (await connection.execute(_CATALOG)).fetchall()


async def digests(connection: Connection) -> list[str]:
    return [await digest(connection, name) for name in TABLES]


async def project(connection: Connection) -> None:
    one = hub(lambda: pytest.fail("needs no other connection"), MODEL)
    while await one.turn(connection):
        pass


async def test_a_rebuild_changes_nothing_that_is_right(
    as_owner: Connect, app: Connection, owner: Connection, filling: Filling
) -> None:
    await filling.add(*world(200))
    await project(app)
    before = await catalog(owner), await digests(app)
    steps: list[tuple[int, int]] = []
    await rebuild(as_owner, [MODEL], lambda done, total: steps.append((done, total)))
    assert (await catalog(owner), await digests(app)) == before
    assert steps[0] == (0, filling.head)
    assert steps[-1] == (filling.head, filling.head)
    await filling.add(Fact("after", "order.created"))
    await project(app)
    assert await compare(as_owner, [MODEL]) == []


@pytest.mark.parametrize(
    "damage",
    [
        "update orders set status = 'paid' where order_id = 'ord-3'",
        "delete from order_events where sequence = 4",
        "update actors set events = events + 1 where actor_id = 'svc-1'",
    ],
)
async def test_a_wrong_row_is_found_and_put_right(
    as_owner: Connect, app: Connection, filling: Filling, damage: str
) -> None:
    await filling.add(*world(30))
    await project(app)
    await app.execute(damage.encode())
    assert len(await compare(as_owner, [MODEL])) == 1
    await rebuild(as_owner, [MODEL])
    assert await compare(as_owner, [MODEL]) == []


async def test_a_comparison_leaves_nothing_behind(
    as_owner: Connect, app: Connection, owner: Connection, filling: Filling
) -> None:
    await filling.add(*world(20))
    before = await catalog(owner)
    assert await compare(as_owner, [MODEL]) == []
    assert await catalog(owner) == before


async def test_a_model_that_lags_equals_a_rebuild_to_its_place(
    as_owner: Connect, app: Connection, filling: Filling
) -> None:
    await filling.add(*world(50))
    await hub(lambda: pytest.fail("no"), MODEL, batch=100).turn(app)
    assert await compare(as_owner, [MODEL]) == []


class Choking(OrdersModel):
    """The orders model, but it cannot apply some orders."""

    def __init__(self, suffix: str = "", *, chokes: bool = True, derives: bool = True) -> None:
        super().__init__(INDEXING, suffix, derives=derives)
        self.chokes = chokes

    def beside(self, suffix: str, *, derives: bool = True) -> Choking:
        return Choking(suffix, chokes=self.chokes, derives=derives)

    async def apply(self, connection: Connection, events: Sequence[Notification]) -> None:
        if self.chokes and any(event.order_id == "ord-7" for event in events):
            raise ValueError("cannot")
        await super().apply(connection, events)


async def test_dead_letters_are_tried_again(
    as_owner: Connect, app: Connection, filling: Filling
) -> None:
    await filling.add(*world(20))
    model = Choking()
    async with running(hub(as_owner, model)):
        (state,) = await until_caught_up(app, model)
    assert state.degraded
    await rebuild(as_owner, [model])
    (again,) = await status(app, [model.name])
    assert again.dead_letters == state.dead_letters
    model.chokes = False
    await rebuild(as_owner, [model])
    (healed,) = await status(app, [model.name])
    assert not healed.degraded
    await project(app)
    assert await compare(as_owner, [MODEL]) == []


async def test_while_hub_writer_and_readers_go_on(
    as_app: Connect, as_owner: Connect, app: Connection, owner: Connection, filling: Filling
) -> None:
    await filling.add(*world(200))
    await project(app)
    before = await catalog(owner)
    done = asyncio.Event()
    seen: list[int] = []

    async def write() -> None:
        for number in range(150):
            await filling.add(*world(2, seed=number, tenants=(f"new-{number}",)))
            await asyncio.sleep(0.002)

    async def read() -> None:
        async with await as_app() as connection:
            while not done.is_set():
                counted = await connection.execute(
                    "select count(*) from order_events join orders using (tenant_id, order_id)"
                )
                seen.append((await counted.fetchone() or (0,))[0])

    async with running(hub(as_app, MODEL)):
        readers = [asyncio.create_task(read()) for _ in range(3)]
        writer = asyncio.create_task(write())
        while not writer.done():
            await rebuild(as_owner, [MODEL])
        await writer
        await until_caught_up(app, MODEL)
        done.set()
        await asyncio.gather(*readers)
    assert len(seen) > 30
    assert min(seen) > 600
    assert await compare(as_owner, [MODEL]) == []
    assert await catalog(owner) == before


async def test_no_reader_ever_sees_less_than_before(
    as_app: Connect, as_owner: Connect, app: Connection, filling: Filling
) -> None:
    await filling.add(*world(100))
    await project(app)
    done = asyncio.Event()

    async def read() -> None:
        async with await as_app() as connection:
            last = 0
            while not done.is_set():
                counted = await connection.execute("select count(*) from order_events")
                (now,) = await counted.fetchone() or (0,)
                assert now >= last
                last = now

    reader = asyncio.create_task(read())
    for number in range(6):
        await filling.add(*world(5, seed=number, tenants=(f"new-{number}",)))
        await rebuild(as_owner, [MODEL])
    done.set()
    await reader


async def test_a_writer_that_never_rests_does_not_keep_it_from_ending(
    as_owner: Connect, app: Connection, filling: Filling, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filling.add(*world(20))

    async def one_more(_reader: Connection, start: int, _up_to: int | None) -> Batch:
        return Batch(start, start + 1, [])

    monkeypatch.setattr("projections.rebuild._read_range", one_more)
    async with asyncio.timeout(10):
        await rebuild(as_owner, [MODEL])


async def test_a_reader_in_the_way_only_delays_the_swap(
    as_app: Connect, as_owner: Connect, app: Connection, filling: Filling
) -> None:
    await filling.add(*world(20))
    await project(app)
    async with await as_app() as reader:
        await reader.execute("begin")
        await reader.execute("select 1 from orders")
        task = asyncio.create_task(rebuild(as_owner, [MODEL]))
        await asyncio.sleep(0.5)
        assert not task.done()
        await filling.add(Fact("meanwhile", "order.created"))
        await project(app)
        await reader.execute("commit")
        await task
    assert await compare(as_owner, [MODEL]) == []


async def test_killed_anywhere_the_tables_stay_and_the_next_one_succeeds(
    as_owner: Connect, app: Connection, owner: Connection, filling: Filling
) -> None:
    await filling.add(*world(300))
    await project(app)
    before = await catalog(owner), await digests(app)
    names = {row[0] for row in before[0]}
    random = Random(3)
    for _ in range(12):
        task = asyncio.create_task(rebuild(as_owner, [MODEL]))
        await asyncio.sleep(random.random() * 0.3)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert await digests(app) == before[1]
    left = {row[0] for row in await catalog(owner)} - names
    assert left <= {name + shadow.SUFFIX for name in TABLES}
    await _rebuild_when_free(as_owner)
    assert (await catalog(owner), await digests(app)) == before


async def _rebuild_when_free(as_owner: Connect) -> None:
    """The server may not have noticed yet that the killed one is gone."""
    while True:
        try:
            return await rebuild(as_owner, [MODEL])
        except Conflict:
            await asyncio.sleep(0.01)


async def test_two_at_once_are_refused(
    as_owner: Connect, app: Connection, filling: Filling
) -> None:
    await filling.add(*world(200))
    results = await asyncio.gather(
        rebuild(as_owner, [MODEL]), rebuild(as_owner, [MODEL]), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "NoneType"]


async def test_an_empty_store(as_owner: Connect, app: Connection) -> None:
    await rebuild(as_owner, [MODEL])
    assert await compare(as_owner, [MODEL]) == []
