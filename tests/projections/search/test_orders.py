"""The orders that have what a question means, in each of their sorts, as a slow reference tells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.search import deciding, deciding_orders
from application.search.ports import Key, Order, OrderSort
from application.search.searching import Search
from domain.search.reading import read_query
from infrastructure.postgres.connect import Pool
from infrastructure.postgres.embedded import EmbeddedPostgres
from projections.orders.model import OrdersModel
from projections.orders.queries import OrderQueries
from projections.orders.statements import Sort as ListSort
from projections.reading import Connection
from projections.search import order_statements, statements
from projections.search.entries import Indexing
from projections.search.queries import SearchQueries
from tests.projections.conftest import fresh_database
from tests.projections.filling import Fact, Filling
from tests.projections.indexing import HASHES, Told
from tests.projections.orders.following import project
from tests.projections.search.asking import names_history
from tests.projections.search.drawing import queries
from tests.projections.search.following import followed
from tests.projections.search.reference import Event, is_meant, scoring
from tests.projections.search.shop import shop, told
from tests.projections.search.unhurried import unhurried

pytestmark = pytest.mark.anyio

SHOP, PERSONAL = shop(300, 12)
# Nobody has told of their beginning: they have no total.
BARE = [
    Fact(f"Bare-{n:03}", "order.note.added", {"zone": "A1", "code": "blue"}, 90_000 * n)
    for n in range(30)
]
FACTS = [fact for pair in zip(SHOP, [*BARE, *[None] * len(SHOP)], strict=False) for fact in pair]
EVENTS = told([fact for fact in FACTS if fact is not None], "acme", PERSONAL)
MODEL = OrdersModel(Indexing(HASHES, Told(PERSONAL)))
BY: tuple[OrderSort, ...] = ("occurred_at", "last_event_at", "created_at", "total_minor")
SORTS = [Order("relevance"), *(Order(by, down) for by in BY for down in (True, False))]


@pytest.fixture(scope="module", autouse=True)
def _unhurried() -> Iterator[None]:
    with unhurried():
        yield


@pytest.fixture(scope="module")
def shops_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    yield from fresh_database(postgres)


@pytest.fixture(scope="module")
async def shops(anyio_backend: str, shops_url: str) -> AsyncIterator[Pool]:
    facts = (fact for fact in FACTS if fact is not None)
    async with followed(shops_url, MODEL, facts) as pool:
        yield pool


async def walked(pool: Pool, query: Any, order: Order, limit: int) -> list[str | None]:
    search, node = Search(SearchQueries(pool, HASHES)), read_query(query, "/query", personal=True)
    found: list[str | None] = []
    after: Key | None = None
    while True:
        page = await search.orders("acme", node, after, limit, order)
        found += [hit.order_id for hit in page.hits]
        after = page.next
        if after is None:
            return found


def expected(query: Any, order: Order) -> list[str | None]:
    asked = EVENTS if names_history(query) else [one for one in EVENTS if one.order_id is not None]
    meant = [one for one in asked if one.order_id is not None and is_meant(query, one)]
    if order.by in ("occurred_at", "relevance"):
        scores = scoring(query) if order.by == "relevance" else []
        best: dict[str | None, tuple[int, ...]] = {}
        for one in meant:
            place = sum(has(one) for has in scores), one.occurred_us, one.sequence
            best[one.order_id] = max(best.get(one.order_id, place), place)
        return sorted(best, key=lambda order_id: best[order_id], reverse=order.descending)
    return by_order(meant, order)


def by_order(meant: Sequence[Event], order: Order) -> list[str | None]:
    orders = {one.order_id: one.order for one in meant}
    places = [(values.get(order.by), order_id) for order_id, values in orders.items()]
    with_value = sorted((p for p in places if p[0] is not None), reverse=order.descending)
    without = sorted((p for p in places if p[0] is None), reverse=order.descending)
    return [order_id for _, order_id in [*with_value, *without]]


@settings(max_examples=400)
@given(
    query=queries(EVENTS),
    order=st.sampled_from(SORTS),
    limit=st.integers(3, 60),
    few=st.booleans(),
)
async def test_orders_in_every_sort_are_those_of_the_reference(
    shops: Pool, query: dict[str, Any], order: Order, limit: int, few: bool
) -> None:
    """few: so little is looked at together that all forms of a statement have their turn, and
    what is read is read in many parts."""
    wanted = expected(query, order)
    limit = limit if len(wanted) < 8 * limit else 1000
    with pytest.MonkeyPatch.context() as patch:
        if few:
            patch.setattr(statements, "PEEKED", 200)
            patch.setattr(statements, "COLLECTED", 20)
            patch.setattr(order_statements, "WALKED", 60)
            patch.setattr(deciding, "CANDIDATES", 50)
            patch.setattr(deciding_orders, "_AT_ONCE", 20)
        assert await walked(shops, query, order, limit) == wanted


@settings(max_examples=300)
@given(query=queries(EVENTS), few=st.booleans())
async def test_which_of_some_orders_have_a_match(
    shops: Pool, query: dict[str, Any], few: bool
) -> None:
    """few: what is read is read in many parts."""
    asked = [*sorted({one.order_id for one in EVENTS if one.order_id is not None})[::2], "none"]
    search, node = Search(SearchQueries(shops, HASHES)), read_query(query, "/query", personal=True)
    with pytest.MonkeyPatch.context() as patch:
        if few:
            patch.setattr(deciding, "CANDIDATES", 50)
        found = await search.having("acme", node, asked)
        assert await search.having("another", node, asked) == set()
    assert found == set(expected(query, Order())).intersection(asked)


OPEN: dict[str, Any] = {"all": [{"text": "scanned"}, {"field": "payload.zone", "eq": "A1"}]}
BLUE: dict[str, Any] = {"any": [{"text": "blue"}, {"text": "shirt"}, {"text": "wms"}]}
ANY: dict[str, Any] = {"all": []}


@pytest.mark.parametrize("order", SORTS, ids=lambda one: f"{one.by} {one.descending}")
async def test_words_and_what_is_read_in_every_sort(shops: Pool, order: Order) -> None:
    for query in (BLUE, OPEN, ANY):
        wanted = expected(query, order)
        assert len(wanted) > 40
        assert await walked(shops, query, order, 7) == wanted


@pytest.mark.parametrize("sort", ["last_event_at", "created_at", "total_minor"])
async def test_orders_come_as_their_list_has_them(shops: Pool, sort: ListSort) -> None:
    listed = await OrderQueries(shops).list_orders("acme", sort=sort, limit=1000)
    assert len(listed) > 200
    assert listed[-1].total_minor is None or sort != "total_minor"
    found = await walked(shops, ANY, Order(sort), 1000)
    assert found == [one.order_id for one in listed]


@pytest.mark.parametrize("sort", ["occurred_at", "relevance", "total_minor"])
async def test_a_walk_goes_on_behind_all_that_is_collected(
    pool: Pool,
    app: Connection,
    filling: Filling,
    monkeypatch: pytest.MonkeyPatch,
    sort: OrderSort,
) -> None:
    """What is collected first need not be what is listed next."""
    await filling.add(*(Fact(f"o{n:02}", at=1000 - n) for n in range(30)))
    await project(app)
    monkeypatch.setattr(statements, "PEEKED", 0)
    monkeypatch.setattr(statements, "COLLECTED", 5)
    monkeypatch.setattr(order_statements, "WALKED", 0)
    found = await walked(pool, {"text": "note"}, Order(sort), 2)
    assert sorted(map(str, found)) == [f"o{n:02}" for n in range(30)]
