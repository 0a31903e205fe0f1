"""No question that the documents name reads a table from end to end among a million events, and
none for which they promise an index reads far more than it answers.

What a statement reads is counted in blocks of 8 kB of tables and indexes, as PostgreSQL tells it
when the statement is run as the service sends it. Of the tables, the events' rows have some 36,000.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from msgspec import Struct

from application.search.ports import Sort
from bench.at_scale import filled
from interfaces.composition.connections import blocking
from interfaces.composition.serving import api
from interfaces.settings import Settings
from projections.orders.statements import Sort as ListSort
from tests.long import questions
from tests.long.explaining import explained
from tests.long.harness import report
from tests.long.questions import Asking
from tests.projections.search.unhurried import unhurried

pytestmark = pytest.mark.long
T = TypeVar("T")

EVENTS = 1_000_000
TENANTS = ("huge", "tiny")
"""With 35 % and with 2 % of the events."""
OF_SIZE = 10_000
"""Rows from which on a table must not be read from end to end."""
LISTED = 4_000
SEARCHED = 35_000
COUNTED = 4_000
"""Blocks that a statement may read: of a list; of a search, in which relevance ranks 10,000 events
and the newest 50,000 may be looked through; of what is told from counts."""

_TABLES = """
select relname from pg_class where relkind = 'r' and relnamespace = %s::regnamespace
   and reltuples > %s
"""


class Place(Struct):
    """A million events, and who asks about them."""

    portal: BlockingPortal
    settings: Settings
    asking: Asking
    large: set[str]


@pytest.fixture(scope="module")
def place(own_settings: Settings) -> Iterator[Place]:
    for row in filled(own_settings, EVENTS):
        report(f"{row.what}: {row.figure:,.1f}")
    with blocking(own_settings, "test", as_owner=True)() as connection:
        rows = connection.execute(_TABLES, (own_settings.cell, OF_SIZE)).fetchall()
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(api(own_settings)) as api_,
    ):
        asking = Asking(api_.search, api_.aggregate, api_.orders)
        yield Place(portal, own_settings, asking, {name for (name,) in rows})


def _order_lists() -> Iterator[Any]:
    for names in ("", *questions.ORDER_FILTERS, *questions.ORDER_PAIRS):
        for sort in questions.ORDER_SORTS:
            yield _asked(names, sort, questions.ORDERS_KNOWN.get((names, sort)))


def _searches() -> Iterator[Any]:
    for name in questions.SEARCHES:
        for sort in (*questions.SORTS, None):
            yield _asked(name, sort, questions.known(name, sort))


def _asked(name: str, sort: str | None, reason: str | None) -> Any:
    """Of what is known to read too much it is held that it does: what mends it then says so."""
    marks = [pytest.mark.xfail(raises=AssertionError, reason=reason)] if reason else []
    return pytest.param(name, sort, marks=marks, id=f"{name or 'all'}, by {sort or 'orders'}")


def test_the_tables_of_the_read_model_are_of_size(place: Place) -> None:
    assert {"orders", "order_events", "idents", "event_counts", "event_hours"} <= place.large


@pytest.mark.parametrize(("names", "sort"), list(_order_lists()))
def test_a_list_of_orders(place: Place, names: str, sort: ListSort) -> None:
    for tenant in TENANTS:
        for values in questions.chosen(questions.ORDER_FILTERS, names):
            asked = questions.list_orders(place.asking, tenant, values, sort)
            check(place, asked, LISTED)


@pytest.mark.parametrize("names", ["", *questions.EVENT_FILTERS, *questions.EVENT_PAIRS])
def test_a_list_of_events(place: Place, names: str) -> None:
    for tenant in TENANTS:
        for values in questions.chosen(questions.EVENT_FILTERS, names):
            check(place, questions.list_events(place.asking, tenant, values), LISTED)


@pytest.mark.parametrize(("name", "sort"), list(_searches()))
def test_a_search(place: Place, name: str, sort: Sort | None) -> None:
    """Of events by each sort; without one, of orders."""
    for tenant in TENANTS:
        asked = questions.search(place.asking, tenant, questions.SEARCHES[name], sort)
        check(place, asked, SEARCHED)


@pytest.mark.parametrize("name", questions.ROLLUPS)
def test_what_is_told_from_counts(place: Place, name: str) -> None:
    for tenant in TENANTS:
        asked = questions.count(place.asking, tenant, *questions.ROLLUPS[name])
        assert check(place, asked, COUNTED)


@pytest.mark.parametrize("name", questions.ROWS)
def test_what_is_told_from_rows(place: Place, name: str) -> None:
    """Which may be all of the tenant's."""
    for tenant in TENANTS:
        check(place, questions.count(place.asking, tenant, *questions.ROWS[name]), None)


def check(place: Place, asked: Awaitable[T], most: int | None) -> T:
    """Asks, and refuses each statement of it that reads too much. most: blocks."""

    async def ask() -> T:
        return await asked

    with unhurried(), explained() as statements:
        told = place.portal.call(ask)
    assert statements
    for one in statements:
        assert not one.scanned & place.large, one.told()
        assert most is None or one.blocks <= most, one.told()
    return told
