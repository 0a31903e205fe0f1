"""A whole service in the test's process, one a module; `shop` is a tenant of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from interfaces.settings import Settings
from tests.interfaces.http.journeys.house import House, Shop, opened


@pytest.fixture(scope="module")
async def house(
    anyio_backend: str, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    data_dir: Path = tmp_path_factory.mktemp("house")
    async with opened(Settings(database_url=database_url, data_dir=data_dir)) as house:
        yield house


@pytest.fixture
def shop(house: House) -> Shop:
    return house.shop()
