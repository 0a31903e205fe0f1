"""Alarms stand until they are cleared, and are recorded once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from application.ledger.ports import GLOBAL
from application.ports import Outcome
from domain.errors import NotFound, Unavailable
from domain.orders.events import Draft
from infrastructure.ledger.alarms import Alarms
from infrastructure.postgres.connect import open_pool
from tests.infrastructure.event_store.kit import now_us
from tests.infrastructure.ledger.cell import CELL, Cell

pytestmark = pytest.mark.anyio


async def standing(cell: Cell) -> list[tuple[str, str, int | None, str]]:
    alarms = await cell.alarms.all()
    return [(one.tenant_id, one.kind, one.sequence, one.detail) for one in alarms]


async def test_one_of_a_kind_stands_for_a_tenant(cell: Cell) -> None:
    await cell.alarms.sound("acme", "signer", 3, "it differs")
    await cell.alarms.sound("acme", "signer", 9, "it differs elsewhere")
    await cell.alarms.sound("acme", "audit", None, "so it does")
    await cell.alarms.sound("zeta", "signer", 1, "here too")
    assert await standing(cell) == [
        ("acme", "signer", 3, "it differs"),
        ("acme", "audit", None, "so it does"),
        ("zeta", "signer", 1, "here too"),
    ]
    assert [cell.recorded_alarms(tenant) for tenant in ("acme", "zeta")] == [1, 1]


async def test_several_that_find_it_at_once_record_it_once(cell: Cell) -> None:
    await asyncio.gather(*(cell.alarms.sound("acme", "signer", 3, "why") for _ in range(10)))
    assert cell.recorded_alarms("acme") == 1


async def test_a_cleared_one_can_sound_again(cell: Cell) -> None:
    await cell.alarms.sound("acme", "signer", 3, "it differs")
    await cell.alarms.clear("acme", "audit")
    await cell.alarms.clear("zeta", "signer")
    assert len(await standing(cell)) == 1
    await cell.alarms.clear("acme", "signer")
    await cell.alarms.clear("acme", "signer")
    assert await standing(cell) == []
    await cell.alarms.sound("acme", "signer", 3, "again")
    assert await standing(cell) == [("acme", "signer", 3, "again")]
    assert cell.recorded_alarms("acme") == 2


async def test_one_about_the_whole_is_on_no_tenants_ledger(cell: Cell) -> None:
    await cell.alarms.sound(GLOBAL, "signer", None, "behind")
    assert await standing(cell) == [(GLOBAL, "signer", None, "behind")]
    assert cell.rows("select from events") == []


class ClosedDoor:
    """Nothing may be recorded, or not for this tenant."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def submit(self, drafts: Sequence[Draft], **_: object) -> list[Outcome]:
        raise self._error


@pytest.mark.parametrize("error", [Unavailable(), NotFound()])
async def test_a_ledger_that_is_closed_has_the_alarm_beside_it(
    cell: Cell, error: Exception
) -> None:
    async with await open_pool(cell.url, CELL, min=1, max=1, name="test") as pool:
        alarms = Alarms(pool, ClosedDoor(error), now_us, bytes)
        await alarms.sound("acme", "signer", 3, "it differs")
    assert await standing(cell) == [("acme", "signer", 3, "it differs")]


async def test_a_database_that_is_away(cell: Cell) -> None:
    nowhere = "postgresql:///none?host=/nowhere"
    async with await open_pool(nowhere, CELL, min=1, max=1, name="test away") as pool:
        alarms = Alarms(pool, cell.committer, now_us, bytes)
        for using in (alarms.sound("acme", "signer", 1, "x"), alarms.clear("acme", "signer")):
            with pytest.raises(Unavailable):
                await using
        with pytest.raises(Unavailable):
            await alarms.all()
