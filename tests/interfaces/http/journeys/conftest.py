from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infrastructure.postgres.embedded import EmbeddedPostgres
from interfaces.settings import Settings
from tests.interfaces.http.journeys.house import opened
from tests.interfaces.http.journeys.restoring import (
    Installation,
    copied,
    settings,
    signed_and_published,
)
from tests.projections.conftest import fresh_database


@pytest.fixture
def original(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a database of the test's own, to be backed up."""
    yield from fresh_database(postgres)


@pytest.fixture
def installation(postgres: EmbeddedPostgres, original: str, tmp_path: Path) -> Installation:
    return Installation(postgres, original, tmp_path / "data")


@pytest.fixture
async def restored(
    postgres: EmbeddedPostgres, original: str, tmp_path: Path
) -> AsyncIterator[Settings]:
    """Of a database that has recorded, signed and published more since the backup."""
    async with opened(settings(original, tmp_path)) as house:
        shop = house.shop()
        await shop.record(payload={"note": "before"})
        await signed_and_published(house)
    with copied(postgres, original) as url:
        async with opened(settings(original, tmp_path)) as house:
            for _ in range(2):
                await house.shop().record(payload={"note": "after"})
                await signed_and_published(house)
        yield settings(url, tmp_path)
