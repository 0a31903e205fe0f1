"""The hub: every event once in every model, whatever breaks off, collides or cannot be applied."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from projections.hub import Hub
from projections.progress import register, status
from projections.read_model import Overtaken, apply_once
from projections.reading import Connection, read_batch
from projections.rebuild import compare
from tests.projections.conftest import Connect
from tests.projections.filling import Fact, Filling
from tests.projections.hubs import CHANNEL, Seen, hub, place, running, until, until_caught_up
from tests.projections.indexing import orders_model
from tests.projections.worlds import world

pytestmark = pytest.mark.anyio


async def test_a_model_that_events_do_not_concern_moves_on(
    app: Connection, filling: Filling
) -> None:
    await filling.add(*world(5))
    model, other = Seen("indifferent", chokes_on=range(100)), Seen("other")
    one = hub(lambda: pytest.fail("needs no other connection"), model, other)
    while await one.turn(app):
        pass
    places = {state.model: state.position for state in await status(app, ["indifferent", "other"])}
    assert places == {"indifferent": filling.head, "other": filling.head}
    assert (model.positions, other.positions) == ([], list(range(1, filling.head + 1)))
    with pytest.raises(Overtaken):
        await apply_once(app, model, await read_batch(app, 0))


async def test_every_model_gets_every_event_once(
    as_app: Connect, app: Connection, filling: Filling
) -> None:
    models = Seen("a"), Seen("b")
    await filling.add(*world(10))
    async with running(hub(as_app, *models, batch=7)):
        await until_caught_up(app, *models)
        await filling.add(*world(10, seed=2, tenants=("later",)))
        await app.execute("select pg_notify(%s, '')", (CHANNEL,))
        await until_caught_up(app, *models)
    for model in models:
        assert model.positions == list(range(1, filling.head + 1))
        assert max(map(len, model.batches)) <= 7


async def test_models_in_one_place_share_what_is_read(app: Connection, filling: Filling) -> None:
    models = Seen("a"), Seen("b")
    await filling.add(*world(3))
    read = await hub(lambda: pytest.fail("needs no other connection"), *models).turn(app)
    assert read == filling.head


async def test_one_that_is_behind_meets_the_next_ahead(app: Connection, filling: Filling) -> None:
    slow, near, ahead = Seen("slow"), Seen("near"), Seen("ahead")
    await filling.add(*(Fact(f"o{number}") for number in range(30)))
    await place(app, slow, 0)
    await place(app, near, 17)
    await place(app, ahead, 20)
    await hub(lambda: pytest.fail("no"), slow, near, ahead, batch=10).turn(app)
    assert slow.batches == [list(range(1, 11))]
    assert near.batches == [[18, 19, 20], list(range(21, 31))]
    assert ahead.batches == [list(range(21, 31))]


async def test_large_events_make_smaller_batches(app: Connection, filling: Filling) -> None:
    await filling.add(*(Fact("o", payload={"blob": "x" * 5000}) for _ in range(9)))
    assert (await read_batch(app, 0, size=12_000)).end == 3
    assert (await read_batch(app, 0, size=1)).end == 1
    assert (await read_batch(app, 9)).end == 9


async def test_a_poison_event_is_left_out_and_told(
    as_app: Connect, app: Connection, filling: Filling
) -> None:
    ill, well = Seen("ill", chokes_on=[5, 6, 23]), Seen("well")
    await filling.add(*(Fact(f"o{number}") for number in range(30)))
    async with running(hub(as_app, ill, well)):
        states = await until_caught_up(app, ill, well)
    assert [(one.model, one.dead_letters, one.degraded) for one in states] == [
        ("ill", 3, True),
        ("well", 0, False),
    ]
    assert ill.positions == [n for n in range(1, 31) if n not in (5, 6, 23)]
    assert well.positions == list(range(1, 31))
    letters = await app.execute(
        "select model, position, tenant_id, sequence, error from dead_letters order by position"
    )
    assert await letters.fetchall() == [("ill", n, "acme", n, "ValueError") for n in (5, 6, 23)]


async def test_bytes_that_are_no_event_are_left_out_of_every_model(
    app: Connection, filling: Filling
) -> None:
    rows = [filling.row(Fact(f"o{number}")) for number in range(3)]
    rows[1] = (*rows[1][:-1], b"not json")
    await filling.add_rows(rows)
    models = Seen("a"), orders_model()
    await hub(lambda: pytest.fail("no"), *models).turn(app)
    states = await status(app, [model.name for model in models])
    assert [(one.lag, one.dead_letters) for one in states] == [(0, 1), (0, 1)]
    assert models[0].positions == [1, 3]


async def test_trouble_that_is_no_events_fault_buries_nothing(
    as_app: Connect, app: Connection, filling: Filling
) -> None:
    stuck = Seen("stuck", chokes_on=[2], error=psycopg.errors.UndefinedTable("no such table"))
    well = Seen("well")
    await filling.add(*(Fact(f"o{number}") for number in range(4)))
    async with running(hub(as_app, stuck, well)):
        await until_caught_up(app, well)
        (state,) = await status(app, ["stuck"])
        assert (state.position, state.dead_letters) == (0, 0)
        stuck.chokes_on.clear()
        await until_caught_up(app, stuck)
    assert stuck.positions == [1, 2, 3, 4]


async def test_a_batch_from_another_place_is_refused(app: Connection, filling: Filling) -> None:
    model = Seen("a")
    await filling.add(*world(2))
    await register(app, ["a"])
    batch = await read_batch(app, 0)
    await apply_once(app, model, batch)
    with pytest.raises(Overtaken):
        await apply_once(app, model, batch)
    assert len(model.batches) == 1


async def test_two_hubs_without_the_lock_apply_everything_once(
    as_app: Connect, as_owner: Connect, app: Connection, filling: Filling
) -> None:
    model = orders_model()
    await filling.add(*world(150))
    hubs = [hub(as_app, model, batch=size, exclusive=False) for size in (13, 17)]
    async with running(*hubs):
        await filling.add(*world(50, seed=2, tenants=("later",)))
        states = await until_caught_up(app, model)
    assert states[0].dead_letters == 0
    assert await compare(as_owner, [model]) == []


async def test_the_second_hub_waits_and_takes_over(
    as_app: Connect, app: Connection, filling: Filling
) -> None:
    first, second = hub(as_app, Seen("a")), hub(as_app, Seen("a"))

    async def led_by(one: Hub) -> bool:
        return one.leading

    async with running(second):
        async with running(first):
            await until(lambda: led_by(first) if first.leading else led_by(second))
            leader, other = (first, second) if first.leading else (second, first)
            await asyncio.sleep(0.1)
            assert leader.leading
            assert not other.leading
        await until(lambda: led_by(second))


async def test_a_lost_connection_is_replaced(
    as_app: Connect, app: Connection, owner: Connection, filling: Filling
) -> None:
    model = Seen("a")
    one = hub(as_app, model)
    spared = [app.info.backend_pid, owner.info.backend_pid]
    async with running(one):
        for round_ in range(3):
            await filling.add(*world(3, seed=round_, tenants=(f"t{round_}",)))
            await until_caught_up(owner, model)
            ended = await owner.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> all (%s)"
                "   and (query ilike 'listen%%') = any (%s)",
                (spared, [[True], [False], [True, False]][round_]),
            )
            assert ended.rowcount > 0
        await filling.add(*world(3, seed=9, tenants=("last",)))
        await until_caught_up(owner, model)
    assert model.positions == list(range(1, filling.head + 1))


async def test_a_database_that_is_away_is_waited_for(
    as_app: Connect, app: Connection, filling: Filling
) -> None:
    refusals = iter(range(2))

    async def connect() -> AsyncConnection[Any]:
        for _ in refusals:
            raise psycopg.OperationalError("connection refused")
        return await as_app()

    model = Seen("a")
    await filling.add(*world(3))
    async with running(hub(connect, model)):
        await until_caught_up(app, model)
    assert model.positions == list(range(1, filling.head + 1))


async def test_killed_anywhere_it_goes_on_where_it_was(
    as_app: Connect, as_owner: Connect, app: Connection, filling: Filling
) -> None:
    model = orders_model()
    await filling.add(*world(300))
    await register(app, [model.name])
    random = Random(7)
    kills = 0
    while (await status(app, [model.name]))[0].lag:
        task = asyncio.create_task(hub(as_app, model, batch=random.randrange(5, 60)).run())
        await asyncio.sleep(random.random() * 0.06)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        kills += 1
    assert kills > 3
    assert await compare(as_owner, [model]) == []


async def test_every_row_refers_to_rows_that_are_there(app: Connection, filling: Filling) -> None:
    await filling.add(*world(60))
    await hub(lambda: pytest.fail("no"), orders_model()).turn(app)
    orphans = await app.execute(
        "select count(*) from order_events e"
        " left join orders o using (tenant_id, order_id)"
        " left join actors a using (tenant_id, actor_id)"
        " where (e.order_id is not null and o.order_id is null)"
        "    or (e.actor_id is not null and a.actor_id is null)"
    )
    assert await orphans.fetchone() == (0,)
    counts = "select (select sum(event_count) from orders), count(order_id) from order_events"
    row = await (await app.execute(counts)).fetchone()
    assert row is not None
    assert row[0] == row[1] > 100
