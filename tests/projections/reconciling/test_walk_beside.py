"""A walk beside a model that lags, a hub, a rebuild or dead letters is misled by none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from projections.hub import Hub
from projections.orders.model import OrdersModel
from projections.reading import Connection, Notification
from projections.rebuild import compare, rebuild
from projections.search.entries import Indexing
from tests.projections.conftest import Connect
from tests.projections.filling import Fact, Filling
from tests.projections.indexing import INDEXING
from tests.projections.reconciling.walks import (
    MODELS,
    OF_ACME,
    content,
    damage,
    follow,
    told,
    walked,
)
from tests.projections.worlds import world

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("place", [0, 77, 200])
async def test_a_model_that_lags_is_not_broken(
    place: int, app: Connection, filling: Filling, as_app: Connect
) -> None:
    await filling.add(*world(60))
    for number, model in enumerate(MODELS):  # each at a place of its own
        await follow(app, [model], up_to=max(0, place - 13 * number))
    before = await content(app)
    for tenant in ("acme", "umbrella"):
        assert await walked(as_app, tenant) == []
    assert await content(app) == before


async def test_while_the_hub_and_a_writer_go_on(
    app: Connection, filling: Filling, as_app: Connect, as_owner: Connect, owner: Connection
) -> None:
    facts = world(100)
    await filling.add(*facts[:100])
    await follow(app)
    hub = asyncio.create_task(Hub(as_app, "none", MODELS, poll=0.01, batch=7).run())
    healed = 0

    async def write() -> None:
        async with await as_app() as connection:
            mine = Filling(connection)
            mine.rows, mine._sequences, mine._versions = (
                filling.rows, filling._sequences, filling._versions,
            )  # fmt: skip
            for fact in facts[100:]:
                await mine.add(fact)

    try:
        writer = asyncio.create_task(write())
        while not writer.done():
            await damage(
                owner,
                f"delete from order_events where {OF_ACME} and sequence % 11 = 5",
                f"update orders set status = 'lost' where {OF_ACME} and last_sequence % 3 = 1",
            )
            found = await walked(as_app)
            assert all(one.healed for one in found)
            healed += sum(one.count for one in found)
        await writer
    finally:
        hub.cancel()
        await asyncio.gather(hub, return_exceptions=True)
    assert healed > 0
    await follow(app)
    assert await walked(as_app) == []
    assert await compare(as_owner, MODELS) == []


async def test_a_swap_beside_it_is_no_difference(
    filled: None, as_app: Connect, as_owner: Connect, app: Connection
) -> None:
    before = await content(app)
    rebuilding = asyncio.create_task(rebuild(as_owner, MODELS))
    while not rebuilding.done():
        assert await walked(as_app) == []
    await rebuilding
    assert await content(app) == before


class Choking(OrdersModel):
    """Cannot take some events in."""

    choke = True

    def __init__(
        self, indexing: Indexing = INDEXING, suffix: str = "", *, derives: bool = True
    ) -> None:
        super().__init__(indexing, suffix, derives=derives)

    def beside(self, suffix: str, *, derives: bool = True) -> Choking:
        return Choking(suffix=suffix, derives=derives)

    async def apply(self, connection: Connection, events: Sequence[Notification]) -> None:
        if Choking.choke and any(event.type == "order.choking" for event in events):
            raise ValueError("a payload")
        await super().apply(connection, events)


async def letters(app: Connection) -> list[int]:
    rows = await app.execute("select sequence from dead_letters order by 1")
    return [sequence for (sequence,) in await rows.fetchall()]


async def test_dead_letters_are_known_until_they_are_tried_again(
    app: Connection,
    filling: Filling,
    as_app: Connect,
    as_owner: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = (Choking(), *MODELS[1:])
    kinds = ["order.created", "order.choking", "order.confirmed", "order.choking"]
    await filling.add(*(Fact("o-1", kind, at=number) for number, kind in enumerate(kinds)))
    await filling.add(Fact("o-2", "order.created"))
    monkeypatch.setattr(Choking, "choke", True)
    await follow(app, models)
    assert await letters(app) == [2, 4]

    before = await content(app)
    assert await walked(as_app, models=models) == []
    still = await walked(as_app, models=models, retry=True)
    assert {(one.what, one.count, one.sequence, one.healed) for one in still} == {
        ("refused", 2, 2, False)
    }
    assert (await letters(app), await content(app)) == ([2, 4], before)

    monkeypatch.setattr(Choking, "choke", False)
    dry = await walked(as_app, models=models, retry=True, heal=False)
    assert ("events", "dead letter", 2) in told(dry)
    assert (await letters(app), await content(app)) == ([2, 4], before)

    found = await walked(as_app, models=models, retry=True)
    assert ("events", "dead letter", 2) in told(found)
    assert all(one.healed for one in found)
    assert await letters(app) == []
    assert await walked(as_app, models=models, retry=True) == []
    assert await compare(as_owner, models) == []
