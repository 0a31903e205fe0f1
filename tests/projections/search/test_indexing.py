"""Rows of the index are made anew where they stand, while it is used and grows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from psycopg import AsyncConnection

from domain.errors import Conflict, KeyUnavailable
from domain.search.hashing import TermHash
from projections.digest import digest
from projections.orders.model import OrdersModel
from projections.rebuild import compare, rebuild
from projections.search import indexing
from projections.search.entries import Indexing
from projections.search.indexing import Differences, check, reindex
from projections.search.key import IndexKeyDiffers
from tests.projections.conftest import Connect
from tests.projections.filling import Fact, Filling
from tests.projections.hubs import hub, running, until_caught_up
from tests.projections.indexing import HASHES, INDEXING, Told, orders_model
from tests.projections.search.following import busy, follow, rows

Connection = AsyncConnection[Any]
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "_BATCH", 10)


async def test_what_is_right_stays(app: Connection, filling: Filling) -> None:
    await filling.add(*busy(30, 1))
    await follow(app, orders_model())
    versions = "select xmin, ctid from order_events order by sequence"
    before = await rows(app, versions)
    steps: list[tuple[int, int]] = []
    found = await reindex(app, INDEXING, "acme", 1, 25, lambda *step: steps.append(step))
    assert found == Differences(25)
    assert steps == [(10, 25), (20, 25), (25, 25)]
    assert await rows(app, versions) == before


@pytest.mark.parametrize(
    "damage",
    [
        "update order_events set terms = terms[2:] where sequence in (3, 12) and {0}",
        "update order_events set amount_minor = 77 where sequence in (3, 12) and {0}",
        "update order_events set currency = 'XXX' where sequence in (3, 12) and {0}",
    ],
)
async def test_what_differs_is_found_and_put_right(
    as_owner: Connect, app: Connection, filling: Filling, damage: str
) -> None:
    await filling.add(*busy(30, 1))
    await follow(app, orders_model())
    await app.execute(damage.format("tenant_id = 'acme'").encode())
    expected = Differences(20, 2, 3)
    assert await check(app, INDEXING, "acme", 1, 20) == expected
    assert await check(app, INDEXING, "acme", 1, 20) == expected, "it changes nothing"
    assert await check(app, INDEXING, "umbrella", 1, 20) == Differences(20)
    assert await check(app, INDEXING, "acme", 4, 11) == Differences(8)
    assert await reindex(app, INDEXING, "acme", 1, 20) == expected
    assert await check(app, INDEXING, "acme", 1, 20) == Differences(20)
    assert await compare(as_owner, [orders_model()]) == []


async def test_a_missing_identifier_is_added(
    as_owner: Connect, app: Connection, filling: Filling
) -> None:
    await filling.add(*busy(10, 1))
    await follow(app, orders_model())
    await app.execute("delete from idents where tenant_id = 'acme'")
    await reindex(app, INDEXING, "acme", 1, filling.head)
    assert await compare(as_owner, [orders_model()]) == []


async def test_what_is_erased_is_found_no_more(app: Connection, filling: Filling) -> None:
    told = Told({"1": "ada@example.org"})
    model = OrdersModel(Indexing(HASHES, told))
    await filling.add(Fact("o", payload={"email": {"_sd": "1"}}), Fact("p"))
    await follow(app, model)
    email = HASHES.email("acme", "ada@example.org")
    query = f"select sequence from order_events where terms @> array[{email}]::bigint[]"
    assert await rows(app, query) == [(1,)]
    told.values.clear()
    assert await reindex(app, Indexing(HASHES, told), "acme", 1, 2) == Differences(2, 1, 1)
    assert await rows(app, query) == []


async def test_an_event_that_is_being_added_is_waited_for(
    as_app: Connect, app: Connection, filling: Filling
) -> None:
    """It may have read what has been erased since."""
    told = Told({"1": "ada@example.org"})
    await filling.add(Fact("o", payload={"email": {"_sd": "1"}}))
    adding = asyncio.Event()

    class Slow(Told):
        async def of(self, connection: Any, events: Any) -> Any:
            found = await told.of(connection, events)
            adding.set()
            await asyncio.sleep(0.2)
            return found

    model = OrdersModel(Indexing(HASHES, Slow()))
    async with running(hub(as_app, model)):
        await adding.wait()
        told.values = {}
        async with await as_app() as other:
            found = await reindex(other, Indexing(HASHES, told), "acme", 1, 1)
        await until_caught_up(app, model)
    assert found == Differences(1, 1, 1)
    ((terms,),) = await rows(app, "select terms from order_events")
    assert HASHES.email("acme", "ada@example.org") not in terms


async def test_while_events_come_in(
    as_app: Connect, as_owner: Connect, app: Connection, filling: Filling
) -> None:
    model = orders_model()
    await filling.add(*busy(40, 1))
    await follow(app, model)
    async with running(hub(as_app, model, batch=7)), Connected(as_app) as other:
        for seed in range(5):
            await app.execute("update order_events set terms = '{1}' where sequence % 3 = 0")
            await filling.add(*(Fact(f"more-{seed}-{n}", payload={"rma": n}) for n in range(40)))
            await reindex(other, INDEXING, "acme", 1, filling.head)
            await reindex(other, INDEXING, "umbrella", 1, filling.head)
        (state,) = await until_caught_up(app, model)
    assert state.dead_letters == 0
    assert await compare(as_owner, [model]) == []


class Connected:
    """A connection of its own, closed on leaving."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def __aenter__(self) -> Connection:
        self._connection = await self._connect()
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()


async def test_not_beside_a_rebuild(
    as_owner: Connect, as_app: Connect, app: Connection, filling: Filling
) -> None:
    await filling.add(*busy(20, 1))
    await follow(app, orders_model())
    async with Connected(as_owner) as other:
        lock = "select pg_advisory_lock(hashtextextended('rebuild ' || current_schema(), 0))"
        await other.execute(lock)
        with pytest.raises(Conflict, match="rebuild"):
            await reindex(app, INDEXING, "acme", 1, 20)
    async with Connected(as_app) as other:
        lock = "select pg_advisory_lock_shared(hashtextextended('rebuild ' || current_schema(), 0))"
        await other.execute(lock)
        with pytest.raises(Conflict):
            await rebuild(as_owner, [orders_model()])
    await _when_free(as_owner)


async def _when_free(as_owner: Connect) -> None:
    """The server may not have noticed yet that the other one is gone."""
    while True:
        try:
            return await rebuild(as_owner, [orders_model()])
        except Conflict:
            await asyncio.sleep(0.01)


async def test_a_lock_is_left_behind_by_none(
    as_owner: Connect, app: Connection, filling: Filling
) -> None:
    told = Told(away=True)
    await filling.add(Fact("o", payload={"email": {"_sd": "1"}}))
    await follow(app, orders_model())
    before = await digest(app, "order_events")
    with pytest.raises(KeyUnavailable):
        await reindex(app, Indexing(HASHES, told), "acme", 1, 1)
    with pytest.raises(IndexKeyDiffers):
        await reindex(app, Indexing(TermHash(bytes(32)), Told()), "acme", 1, 1)
    with pytest.raises(IndexKeyDiffers):
        await check(app, Indexing(TermHash(bytes(32)), Told()), "acme", 1, 1)
    assert await digest(app, "order_events") == before
    await rebuild(as_owner, [orders_model()])


async def test_nothing_to_do(app: Connection, filling: Filling) -> None:
    assert await reindex(app, INDEXING, "acme", 1, 100) == Differences()
    await filling.add(Fact("o"))
    assert await reindex(app, INDEXING, "acme", 1, 100) == Differences()
    await follow(app, orders_model())
    assert await reindex(app, INDEXING, "acme", 2, 100) == Differences()
    assert await reindex(app, INDEXING, "acme", 1, 1) == Differences(1)
