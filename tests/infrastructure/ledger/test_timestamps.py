"""Checkpoints are stamped by a real authority, once a minute, and openssl verifies them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from application.ledger.ports import GLOBAL
from domain.errors import Unavailable
from infrastructure.ledger import timestamps
from infrastructure.ledger.object_store import DirectoryStore
from infrastructure.ledger.timestamp_authority import AuthorityRefused, TimestampAuthority
from infrastructure.ledger.timestamps import EVERY_US, Stamping, Timestamps, timestamp_key
from infrastructure.postgres.connect import Pool, open_pool
from infrastructure.postgres.embedded import EmbeddedPostgres
from projections.reading import Connection
from tests.infrastructure.ledger.authority import Authority, verified
from tests.projections.conftest import CELL, fresh_database
from tests.projections.filling import Filling
from tests.projections.ledger.ledgers import Signatures, follow, record

pytestmark = pytest.mark.anyio


class World:
    """An installation that signs, and has its checkpoints stamped. now_us: its clock's time."""

    def __init__(
        self,
        connection: Connection,
        pool: Pool,
        signatures: Signatures,
        client: TimestampAuthority,
        directory: Path,
    ) -> None:
        self.now_us = time.time_ns() // 1000
        self.connection = connection
        self.published = DirectoryStore(directory / "published")
        self.stamps = Timestamps(pool, lambda: self.now_us, expected=True)
        self.stamping = Stamping(pool, client, self.published, lambda: self.now_us)
        self._signatures = signatures
        self._filling = Filling(connection)

    async def sign(self) -> None:
        await record(self._filling, {"acme": 2})
        await follow(self.connection)
        await self._signatures.sign()

    async def sizes(self) -> list[int]:
        cursor = await self.connection.execute(
            "select size from ledger_timestamps where tenant_id = %s order by 1", (GLOBAL,)
        )
        return [size for (size,) in await cursor.fetchall()]


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    yield from fresh_database(postgres)


@pytest.fixture
async def world(
    database_url: str, client: TimestampAuthority, tmp_path: Path
) -> AsyncIterator[World]:
    async with (
        await open_pool(database_url, CELL, min=1, max=4, name="test") as pool,
        pool.connection() as connection,
    ):
        signatures = Signatures(database_url, tmp_path / "signing")
        yield World(connection, pool, signatures, client, tmp_path)


async def test_the_newest_checkpoint_is_stamped_once_a_minute(
    world: World, authority: Authority
) -> None:
    assert not await world.stamping.turn()
    await world.sign()
    assert await world.stamping.turn()
    assert not await world.stamping.turn()
    await world.sign()
    await world.sign()
    assert not await world.stamping.turn(), "not within a minute"
    assert await world.sizes() == [1]
    world.now_us += EVERY_US + 1_000_000
    assert await world.stamping.turn()
    assert not await world.stamping.turn()
    assert await world.sizes() == [1, 3]
    assert authority.asked == 2


async def test_it_is_over_the_note_as_it_is_published(
    world: World, authority: Authority, tmp_path: Path
) -> None:
    assert await world.stamps.newest() is None
    await world.sign()
    running = asyncio.create_task(world.stamping.run())
    key = timestamp_key(1, 1)
    async with asyncio.timeout(60):
        while await world.published.get(key) is None:  # noqa: ASYNC110  # it is the store that is asked
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    newest = await world.stamps.newest()
    assert newest is not None
    assert (newest.epoch, newest.size) == (1, 1)
    assert await world.published.get(key) == newest.token
    cursor = await world.connection.execute(
        "select note from ledger_checkpoints where tenant_id = %s and size = 1", (GLOBAL,)
    )
    (note,) = await cursor.fetchone() or ("",)
    assert newest.note == note
    assert verified(authority, tmp_path, note.encode(), newest.token) == "Verification: OK\n"


async def test_it_is_published_once_the_storage_is_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = world.published.put

    async def fails_once(_: Mapping[str, bytes]) -> None:
        monkeypatch.setattr(world.published, "put", put)
        raise Unavailable("the disk is full")

    async def is_published(number: int) -> None:
        async with asyncio.timeout(20):
            while await world.published.get(timestamp_key(1, number)) is None:  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.01)

    monkeypatch.setattr(timestamps, "_LOOK_SECONDS", 0.01)
    await world.sign()
    running = asyncio.create_task(world.stamping.run())
    await is_published(1)
    monkeypatch.setattr(world.published, "put", fails_once)
    await world.sign()
    world.now_us += EVERY_US + 1_000_000
    await is_published(2)
    running.cancel()


async def test_what_does_not_hold_is_not_kept(world: World, authority: Authority) -> None:
    authority.instead = lambda _: b"no"
    await world.sign()
    with pytest.raises(AuthorityRefused):
        await world.stamping.turn()
    assert await world.sizes() == []
    authority.instead = None
    assert await world.stamping.turn()


async def test_two_workers_ask_once(world: World, authority: Authority) -> None:
    await world.sign()
    done = await asyncio.gather(*(world.stamping.turn() for _ in range(3)))
    assert sorted(done) == [False, False, True]
    assert authority.asked == 1


async def test_a_timestamp_that_does_not_come_is_told(world: World) -> None:
    assert await world.stamps.troubles() == []
    await world.sign()
    cursor = await world.connection.execute("select min(signed_us) from ledger_checkpoints")
    (signed_us,) = await cursor.fetchone() or (0,)
    world.now_us = signed_us + 10 * EVERY_US
    assert await world.stamps.troubles() == []
    world.now_us += 1
    assert await world.stamps.troubles() == ["no timestamp for 600 s"]
    await world.stamping.turn()
    assert await world.stamps.troubles() == []


def test_the_place_where_it_is_published() -> None:
    assert timestamp_key(2, 31) == "_global/2/timestamp/31.tsr"
