"""Search, lists and aggregations of 200,000 recorded events tell what a slow reference does.

The events are imported as `order-history import` does it, and followed by the worker; then every
read model is made anew and asked the same again. The queries are random, the same in each run; one
that fails is printed.
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from interfaces.composition.maintenance import import_file, rebuild_models
from interfaces.composition.serving import api
from interfaces.settings import Settings
from tests.interfaces.http.journeys.house import opened
from tests.long.generated import Tenant, tenants
from tests.long.harness import report
from tests.projections.search.asking import GROUPS, ORDERS, TOPS, Asking, Way
from tests.projections.search.drawing import about
from tests.projections.search.unhurried import unhurried

pytestmark = pytest.mark.long

QUERIES = 500
FOUND = 0.6
"""Share of the queries that are to be true of some events, and not of all."""
COSTLY = 0.02
"""Share of the answers that may be `/problems/too-costly`."""
PATIENCE = 3600.0
"""Seconds after which read models that follow count as never arriving."""

WAYS = st.builds(
    Way,
    order=st.sampled_from(ORDERS),
    limit=st.integers(3, 60),
    group=st.sampled_from(GROUPS),
    top=st.sampled_from(TOPS),
)


class House(Struct):
    """An installation that is only read, and its shops by the reference."""

    portal: BlockingPortal
    settings: Settings
    shops: list[Tenant]


@pytest.fixture(scope="module")
def house(own_settings: Settings) -> Iterator[House]:
    """With all events recorded and followed."""
    shops = list(tenants("generated-200k", own_settings.data_dir))
    gc.freeze()  # what the reference holds is many objects, and stays
    with start_blocking_portal() as portal:
        made = House(portal, own_settings, shops)
        portal.call(_record, made)
        yield made
    gc.unfreeze()


async def _record(house: House) -> None:
    for shop in house.shops:
        done = await import_file(
            house.settings, shop.name, shop.path, lambda *_: None, asyncio.Event()
        )
        assert (done.tally.recorded, done.tally.rejected) == (len(shop.events), 0)
    async with opened(house.settings) as shops:
        for shop in house.shops:
            end = len(shop.events)
            assert await shops.services.orders.wait_for(shop.name, end, PATIENCE)
    report(f"{sum(len(shop.events) for shop in house.shops):,} events recorded and followed")


def test_all_ways_of_asking_agree(house: House) -> None:
    ask(house)


def test_after_a_rebuild_all_ways_of_asking_agree(house: House) -> None:
    house.portal.call(rebuild_models, house.settings, [], lambda *_: None)
    ask(house)


def ask(house: House) -> None:
    """All queries in all ways; enough of them must have been of use."""
    portal = house.portal
    with unhurried(), portal.wrap_async_context_manager(_asking(house)) as shops:

        @settings(max_examples=QUERIES, derandomize=True, database=None)
        @given(data=st.data(), way=WAYS)
        def each(data: Any, way: Way) -> None:
            asking = data.draw(st.sampled_from(shops))
            query = data.draw(about(asking.events))
            portal.call(asking.agrees, query, way, ORDERS)

        each()
        _check(shops)


@asynccontextmanager
async def _asking(house: House) -> AsyncIterator[list[Asking]]:
    async with api(house.settings) as services:
        ways = services.search, services.aggregate, services.orders
        yield [Asking(shop.name, shop.events, *ways) for shop in house.shops]


def _check(shops: list[Asking]) -> None:
    held: Counter[str] = Counter()
    costly: Counter[str] = Counter()
    for shop in shops:
        held += shop.held
        costly += shop.costly
    asked = sum(len(shop.found) for shop in shops)
    useful = sum(0 < found < len(shop.events) for shop in shops for found in shop.found)
    for way in sorted(held | costly):
        report(f"{way}: {held[way]} agreed, {costly[way]} too costly")
    report(f"{asked} queries, {useful} of them true of some events and not of all")
    assert useful >= FOUND * QUERIES
    assert costly.total() <= COSTLY * held.total()
