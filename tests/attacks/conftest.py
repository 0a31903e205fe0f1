"""An installation that signs often, and a tenant of it whose ledger is signed."""

from __future__ import annotations

import asyncio

import pytest

from infrastructure.ledger.signed_store import published_key
from interfaces.composition.proving import published
from tests.attacks.victim import Victim
from tests.interfaces.http.journeys.house import House
from tests.interfaces.http.journeys.proving import proving_house, signed

house = proving_house
EVENTS = 300
"""More than a tile."""


@pytest.fixture
async def victim(house: House) -> Victim:
    """300 orders of one event each, so that each could be changed without a trace in the others."""
    shop = house.shop()
    await shop.record_all(
        shop.event(f"ord_{number}", payload={"note": f"pay {number}"}) for number in range(EVENTS)
    )
    status = await signed(shop)
    key = published_key(shop.tenant, 1, status["checkpoint_size"])
    async with asyncio.timeout(20):
        while await published(house.settings).get(key) is None:  # noqa: ASYNC110  # a file tells nobody
            await asyncio.sleep(0.01)
    return Victim(shop)
