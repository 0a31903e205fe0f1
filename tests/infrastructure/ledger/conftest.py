from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infrastructure.key_store.files import FileKeyStore
from infrastructure.ledger import self_audit, signer
from infrastructure.ledger.timestamp_authority import TimestampAuthority, read_roots
from infrastructure.postgres.connect import open_pool
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.infrastructure.event_store.kit import committing
from tests.infrastructure.ledger.auditing import EVENTS
from tests.infrastructure.ledger.authority import Authority
from tests.infrastructure.ledger.cell import CELL, Cell
from tests.infrastructure.ledger.witnessed import World
from tests.projections.conftest import fresh_database
from tests.projections.ledger.ledgers import Signatures


@pytest.fixture
def cell_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database a test: one signer works in it."""
    yield from fresh_database(postgres)


@pytest.fixture
async def cell(
    cell_url: str, key_store: FileKeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cell]:
    monkeypatch.setattr(signer, "_RETRY", 0.05)
    monkeypatch.setattr(signer, "_DIFFERS_RETRY", 0.05)
    async with (
        await open_pool(cell_url, CELL, min=1, max=4, name="test pool") as pool,
        committing(cell_url, key_store) as committer,
    ):
        yield Cell(cell_url, tmp_path, committer, pool)


@pytest.fixture
async def world(cell_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with (
        await open_pool(cell_url, CELL, min=1, max=4, name="test") as pool,
        pool.connection() as connection,
    ):
        world = World(connection, pool, Signatures(cell_url, tmp_path / "signing"), tmp_path)
        yield world
        for one in world.witnesses:
            one.state.close()


@pytest.fixture
async def acme(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> Cell:
    """With a first tenant whose ledger is signed at 1 and 300, and published; and another one."""
    monkeypatch.setattr(self_audit, "_RETRY", 0.02)
    await cell.sign(acme=1)
    await cell.sign(acme=EVENTS - 1, other=2)
    await cell.published.put(cell.to_be_published())
    return cell


@pytest.fixture(scope="module")
def serving_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with Authority(tmp_path_factory.mktemp("authority") / "tsa").serving() as authority:
        yield authority


@pytest.fixture
def authority(serving_authority: Authority) -> Authority:
    """One that is honest, and has not been asked yet."""
    authority = serving_authority
    authority.instead, authority.status, authority.asked = None, 200, 0
    return authority


@pytest.fixture
async def client(authority: Authority) -> AsyncIterator[TimestampAuthority]:
    client = TimestampAuthority(authority.url, read_roots(authority.roots))
    yield client
    await client.aclose()
