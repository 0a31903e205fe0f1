"""Whether a store goes on from what was signed and published of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from application.ledger.ports import GLOBAL, ObjectStore
from domain.errors import Unavailable
from infrastructure.ledger.behind import LedgerBehind, require_ahead
from infrastructure.ledger.object_store import DirectoryStore
from infrastructure.ledger.signed_store import published_key
from tests.infrastructure.ledger.cell import Cell

pytestmark = pytest.mark.anyio


async def look(cell: Cell, published: ObjectStore | None = None) -> None:
    with cell.connect() as connection:
        await require_ahead(connection, published or cell.published)


async def refused(cell: Cell, published: ObjectStore | None = None) -> str:
    with pytest.raises(LedgerBehind) as error:
        await look(cell, published)
    assert "order-history ledger reopen" in str(error.value)
    assert "acme" not in str(error.value), "whoever records is told, of whichever tenant"
    assert str(error.value).count("\n") == 0
    return str(error.value)


async def publish(cell: Cell, *, all_: bool = True) -> None:
    objects = cell.to_be_published()
    if not all_:
        objects = {key: note for key, note in objects.items() if not key.endswith("/2")}
    await cell.published.put(objects)


async def test_a_new_store(cell: Cell) -> None:
    await look(cell)


@pytest.mark.parametrize("published", ["nothing", "some", "all"])
async def test_a_store_that_is_ahead(cell: Cell, published: str) -> None:
    await cell.sign(acme=1)
    await cell.sign(acme=1)
    if published != "nothing":
        await publish(cell, all_=published == "all")
    await cell.record()
    await look(cell)


async def test_a_newer_round_is_published(cell: Cell) -> None:
    await cell.sign(acme=1)
    await cell.published.put({published_key(GLOBAL, 1, 2): b"of the time after the backup"})
    assert "round 2 is published and 1 is the last one here" in await refused(cell)


class SigningMeanwhile(DirectoryStore):
    """A round is signed and published after the database was looked at."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.directory / "published")
        self._cell = cell
        self.rounds = 3

    async def get(self, key: str) -> bytes | None:
        if self.rounds:
            self.rounds -= 1
            await self._cell.sign(acme=1)
            await publish(self._cell)
        return await super().get(key)


async def test_a_round_is_signed_and_published_while_it_looks(cell: Cell) -> None:
    await cell.sign(acme=1)
    await publish(cell)
    meanwhile = SigningMeanwhile(cell)
    await look(cell, meanwhile)
    assert meanwhile.rounds == 0


async def test_a_new_store_beside_an_old_ones_checkpoints(cell: Cell) -> None:
    await cell.published.put({published_key(GLOBAL, 1, 1): b"of another database"})
    assert "round 1 is published and 0 is the last one here" in await refused(cell)


async def test_the_newest_round_is_published_otherwise(cell: Cell) -> None:
    """A restored store that somebody let sign without its published checkpoints."""
    await cell.sign(acme=1)
    await cell.published.put({published_key(GLOBAL, 1, 1): b"\xff\xfe of the time before"})
    assert "round 1 is published with other content" in await refused(cell)


async def test_a_newer_origin_is_published(cell: Cell) -> None:
    await cell.sign(acme=1)
    await publish(cell)
    await cell.published.put({published_key(GLOBAL, 2, 0): b"an empty log"})
    assert "an origin after number 1 is published" in await refused(cell)


async def test_events_that_are_signed_are_gone(cell: Cell) -> None:
    await cell.sign(acme=3)
    await cell.sign(zeta=1)
    cell.tamper("events", "delete from events where tenant_id = 'acme' and sequence = 3")
    assert "3 events of a tenant are signed and 2 are there" in await refused(cell)


async def test_all_events_of_a_tenant_are_gone(cell: Cell) -> None:
    await cell.sign(zeta=1, acme=2)
    cell.tamper("events", "delete from events where tenant_id = 'acme'")
    assert "2 events of a tenant are signed and 0 are there" in await refused(cell)


async def test_positions_that_are_signed_are_gone(cell: Cell) -> None:
    """Even where the heads were taken back with the events."""
    await cell.sign(acme=1)
    await cell.sign(acme=1)
    cell.tamper("events", "delete from events where sequence = 2")
    cell.rows("update ledger_heads set size = 1")
    assert "position 2 is signed and 1 is the last one there" in await refused(cell)


async def test_a_head_that_was_never_signed_is_no_evidence(cell: Cell) -> None:
    await cell.sign(acme=1)
    cell.rows("update ledger_heads set size = 100 where tenant_id = 'acme'")
    await look(cell)


class Away:
    async def put(self, objects: Mapping[str, bytes]) -> None: ...

    async def get(self, key: str) -> bytes | None:
        raise Unavailable("no answer")

    async def largest(self, prefix: str) -> int | None:
        raise Unavailable("no answer")


async def test_storage_that_is_away_tells_nothing(cell: Cell) -> None:
    await cell.sign(acme=1)
    with pytest.raises(Unavailable, match="no answer") as error:
        await look(cell, Away())
    assert not isinstance(error.value, LedgerBehind)


async def test_a_directory_that_was_lost_is_no_reason_to_refuse(cell: Cell, tmp_path: Path) -> None:
    await cell.sign(acme=1)
    await look(cell, DirectoryStore(tmp_path / "new"))
