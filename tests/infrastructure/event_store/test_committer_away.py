"""A database that goes away under the door, is killed, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types
import psycopg
import pytest

from domain.errors import Unavailable
from infrastructure.event_store.committer import Committer
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.postgres.migrate import upgrade
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import Ledger, accepted, committing, fresh

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def _server(open_dir: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(open_dir / "write-path") as server:
        upgrade(server.url())
        yield server


@pytest.fixture
def fragile(_server: EmbeddedPostgres) -> EmbeddedPostgres:
    """A running server of this module's own, to be stopped and killed."""
    _server.start()
    return _server


async def _until_accepted(door: Committer, event_id: str, tenant: str) -> int:
    for _ in range(600):  # the limit only turns a hang into a failure
        try:
            (outcome,) = await door.submit([draft(event_id, "o1", tenant)])
        except Unavailable:
            await asyncio.sleep(0.05)
        else:
            return accepted([outcome])[0].event.sequence
    pytest.fail("the door never opened again")


async def test_a_database_that_goes_away_and_comes_back(
    fragile: EmbeddedPostgres, key_store: FileKeyStore
) -> None:
    tenant = fresh("away")
    async with committing(fragile.url(), key_store) as door:
        assert await _until_accepted(door, "e1", tenant) == 1
        fragile.stop()
        for _ in range(3):
            with pytest.raises(Unavailable):
                await door.submit([draft("e2", "o1", tenant)])
        assert not door.available
        assert door.queued == 0
        fragile.start()
        assert await _until_accepted(door, "e2", tenant) == 2
        assert door.available


async def test_a_database_that_is_away_at_the_start(
    fragile: EmbeddedPostgres, key_store: FileKeyStore
) -> None:
    tenant = fresh("start")
    fragile.stop()
    async with committing(fragile.url(), key_store) as door:
        with pytest.raises(Unavailable):
            await door.submit([draft("e1", "o1", tenant)])
        fragile.start()
        assert await _until_accepted(door, "e1", tenant) == 1


async def test_closing_while_the_database_is_away(
    fragile: EmbeddedPostgres, key_store: FileKeyStore
) -> None:
    tenant = fresh("closing")
    async with committing(fragile.url(), key_store) as door:
        fragile.stop()
        task = asyncio.create_task(door.submit([draft("e1", "o1", tenant)]))
        await asyncio.sleep(0)
        await door.close()
        with pytest.raises(Unavailable):
            await task


async def test_a_server_that_is_killed_under_its_callers(
    fragile: EmbeddedPostgres, key_store: FileKeyStore
) -> None:
    tenant = fresh("killed")
    async with committing(fragile.url(), key_store) as door:
        calls = [asyncio.create_task(_until_accepted(door, f"e{n}", tenant)) for n in range(50)]
        first = fragile._postmaster()
        assert first is not None
        family = [first, *first.children()]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        # Only a server that is seen to be dead is started again.
        await asyncio.to_thread(psutil.wait_procs, family, 10)
        await asyncio.to_thread(fragile.ensure_running)
        sequences = await asyncio.gather(*calls)
    assert sorted(sequences) == list(range(1, 51))
    with psycopg.connect(fragile.url(), options="-c search_path=cell_0") as connection:
        ledger = Ledger(connection)
        ledger.check()
        assert len(ledger.event_ids(tenant)) == 50
