"""A trace is told for each model that takes its event in, by whoever applies it; then it goes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from application.watching.tracing import Traced
from infrastructure.postgres.connect import Pool
from projections.hub import Hub
from projections.progress import register
from projections.reading import Connection
from projections.traces import PruneTraces
from tests.projections.conftest import Connect
from tests.projections.filling import Fact, Filling
from tests.projections.hubs import CHANNEL, Seen, place, running, until_caught_up

pytestmark = pytest.mark.anyio


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []
        self.received: set[int] = set()

    def projected(self, model: str, began_us: int, traced: Sequence[Traced]) -> None:
        self.all += [(model, one.traceparent) for one in traced]
        self.received |= {one.received_us for one in traced}


def following(connect: Connect, told: Told | None, *models: Seen, exclusive: bool = True) -> Hub:
    return Hub(connect, CHANNEL, models, poll=0.02, batch=3, exclusive=exclusive, spans=told)


async def trace(connection: Connection, *positions: int) -> None:
    for position in positions:
        await connection.execute(
            "insert into traces (position, tenant_id, traceparent) values (%s, 'acme', %s)",
            (position, f"trace {position}"),
        )


async def left(connection: Connection) -> list[int]:
    cursor = await connection.execute("select position from traces order by position")
    return [position for (position,) in await cursor.fetchall()]


async def test_each_model_tells_of_each_trace_once(
    as_app: Connect, app: Connection, filling: Filling
) -> None:
    await filling.add(*(Fact(f"o{number}") for number in range(10)))
    await trace(app, 2, 3, 9)
    told, models = Told(), (Seen("a"), Seen("indifferent"))
    async with running(following(as_app, told, *models)):
        await until_caught_up(app, *models)
    names = [f"trace {position}" for position in (2, 3, 9)]
    assert sorted(told.all) == [(model.name, one) for model in models for one in names]
    assert told.received == {filling.rows[position - 1][8] for position in (2, 3, 9)}


async def test_hubs_that_work_at_once_tell_of_each_trace_once(
    as_app: Connect, app: Connection, filling: Filling, pool: Pool
) -> None:
    told, prune = Told(), PruneTraces(pool, ["a", "b"])
    hubs = [following(as_app, told, Seen("a"), Seen("b"), exclusive=False) for _ in range(3)]
    async with running(*hubs):
        for number in range(8):
            await trace(app, *range(number * 5 + 1, number * 5 + 6))
            await filling.add(*(Fact(f"o{number}") for _ in range(5)))
            await prune()
        await until_caught_up(app, Seen("a"), Seen("b"))
    names = sorted(f"trace {position}" for position in range(1, 41))
    assert sorted(told.all) == [(model, one) for model in ("a", "b") for one in names]


async def test_without_anybody_to_tell_no_trace_is_looked_for(
    app: Connection, owner: Connection, filling: Filling
) -> None:
    await filling.add(Fact("o"))
    await owner.execute("drop table traces")
    model = Seen("a")
    await following(lambda: pytest.fail("needs no other connection"), None, model).turn(app)
    assert model.positions == [1]


async def test_what_every_model_has_goes(app: Connection, filling: Filling, pool: Pool) -> None:
    await trace(app, 1, 2, 3)
    prune = PruneTraces(pool, ["a", "b"])
    await register(app, ["a"])
    await place(app, Seen("a"), 3)
    assert await prune() == 0, "a model that has not begun has none of them"
    await place(app, Seen("b"), 2)
    assert await prune() == 2
    assert await left(app) == [3]
