"""The time-out of a question, the secret of its index, and the names of indexes."""

from __future__ import annotations

import pytest

from application.search.ports import Asked, Order
from domain.errors import Invalid, TooCostly
from domain.search.aggregation import Measure
from domain.search.hashing import TermHash
from domain.search.query import Node
from domain.search.reading import read_query
from infrastructure.postgres.connect import Pool
from projections.orders.model import OrdersModel
from projections.reading import Connection
from projections.rebuild import rebuild
from projections.search import queries, running
from projections.search.aggregations import AggregationQueries
from projections.search.entries import Indexing
from projections.search.key import IndexKeyDiffers
from projections.search.queries import SearchQueries
from tests.projections.conftest import Connect
from tests.projections.filling import Fact, Filling
from tests.projections.indexing import HASHES, Told
from tests.projections.orders.following import project

pytestmark = pytest.mark.anyio


async def test_what_takes_too_long_says_how_to_narrow_it(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_LIMITS", "set local statement_timeout = 20")
    index = SearchQueries(pool, HASHES)
    with pytest.raises(TooCostly, match="a range of occurred_at") as caught:
        await index.rows("select pg_sleep(60)", "acme", {})
    assert [error.pointer for error in caught.value.errors] == ["/query"]
    assert await index.rows("select 1", "acme", {}) == [(1,)]


async def test_no_question_reads_a_table_from_end_to_end(
    pool: Pool, app: Connection, owner: Connection, filling: Filling
) -> None:
    """Of a tenant who has nearly everything, the planner would like to."""
    await filling.add(*(Fact(f"o{n % 50}", at=n) for n in range(2000)))
    await project(app)
    await owner.execute("analyze")
    text = "explain select sum(occurred_us) from order_events where tenant_id = %(tenant)s"
    plan = [line for (line,) in await SearchQueries(pool, HASHES).rows(text, "acme", {})]
    assert not [line for line in plan if "Seq Scan" in line]


NOTE = read_query({"text": "note"}, "/query", personal=False)


async def sequences(index: SearchQueries) -> list[int]:
    plan = await index.plan("acme", NOTE)
    return [hit.sequence for hit in await index.hits(plan, Order(), None, 5)]


async def test_an_index_of_another_secret_is_not_asked(
    pool: Pool, app: Connection, filling: Filling
) -> None:
    other = SearchQueries(pool, TermHash(bytes(32)))
    assert await sequences(other) == []  # nothing is made with any secret yet
    await filling.add(Fact("o1", "order.note.added"))
    await project(app)
    with pytest.raises(IndexKeyDiffers):
        await sequences(other)
    assert await sequences(SearchQueries(pool, HASHES)) == [1]


async def test_whoever_holds_the_secret_before_a_rebuild_is_told_so(
    pool: Pool, as_owner: Connect, app: Connection, filling: Filling
) -> None:
    """An empty answer would say that there is nothing."""
    await filling.add(Fact("o1", "order.note.added", {"amount_minor": 5}))
    await project(app)
    before, after = SearchQueries(pool, HASHES), SearchQueries(pool, TermHash(bytes(32)))
    assert await sequences(before) == [1]
    plan = await before.plan("acme", NOTE)
    other = OrdersModel(Indexing(TermHash(bytes(32)), Told()))
    await rebuild(as_owner, [other], lambda _done, _total: None)
    count = Asked([Measure("count")], [])
    for asked in (
        before.hits(plan, Order(), None, 5),
        before.hits(plan, Order("relevance"), None, 5),
        before.orders(plan, Order(), None, 5),
        before.orders(plan, Order("created_at"), None, 5),
        AggregationQueries(before).grouped(plan, count, []),
        sequences(before),
    ):
        with pytest.raises(IndexKeyDiffers, match="restart"):
            await asked
    assert await sequences(after) == [1]


async def test_the_indexes_of_a_plan(
    pool: Pool, app: Connection, owner: Connection, filling: Filling
) -> None:
    await filling.add(*(Fact(f"o{n % 50}", at=n * 7919 % 4000) for n in range(4000)))
    await project(app)
    await owner.execute("analyze order_events")
    index = SearchQueries(pool, HASHES)
    plan = await index.plan("acme", read_query({"all": []}, "/query", personal=False))
    newest = await index.explain(plan, Order(), orders=False, limit=5)
    assert newest == ["order_events_by_time"]
    by_sequence = await index.explain(plan, Order("sequence"), orders=False, limit=5)
    assert by_sequence == ["order_events_pkey"]


async def test_the_identifiers_of_all_idents_together_are_bounded(
    pool: Pool, app: Connection, filling: Filling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MOST_IDENTS_IN_ALL", 4)
    for number in range(3):
        await filling.add(Fact(f"aaa-{number}", tenant="idents"))
        await filling.add(Fact(f"bbb-{number}", tenant="idents"))
    await project(app)
    index = SearchQueries(pool, HASHES)

    def asking(*idents: str) -> Node:
        parts = [{"ident": ident} for ident in idents]
        return read_query({"any": parts}, "/query", personal=False)

    plan = await index.plan("idents", asking("aaa-", "bbb-1"))
    assert len(await index.hits(plan, Order(), None, 10)) == 4
    with pytest.raises(Invalid, match="more than 4 identifiers") as caught:
        await index.plan("idents", asking("aaa-", "bbb-"))
    assert [error.pointer for error in caught.value.errors] == ["/query"]


async def test_looking_up_idents_ends(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_LOOKED_UP_WITHIN", -1.0)
    asked = read_query({"ident": "abc"}, "/query", personal=False)
    with pytest.raises(TooCostly):
        await SearchQueries(pool, HASHES).plan("acme", asked)
