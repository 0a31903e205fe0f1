"""An export of a running service is what an outsider verifies without it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from application.ledger.ports import LedgerDamaged
from application.ledger.verifying import verify_bundle
from domain.errors import NotFound
from domain.ledger.faults import DoesNotHold
from infrastructure.ledger.bundles import ExportRefused
from interfaces.composition.exporting import Exported, export_ledger
from tests.interfaces.http.journeys.house import BASE, House, Shop
from tests.interfaces.http.journeys.proving import (
    keys_of,
    line,
    proving_house,
    signed,
    superuser,
)

pytestmark = pytest.mark.anyio
COUNT = 600

house = proving_house
Steps = list[tuple[int, int]]


@pytest.fixture(scope="module")
async def stocked(house: House) -> Shop:
    shop = house.shop()
    lines = b"".join(
        line(shop.event(f"ord_{number}", payload={"note": "Jané"})) for number in range(COUNT)
    )
    headers = {"Content-Type": "application/x-ndjson", "Prefer": "wait=60"}
    producer = shop.as_role("producer")
    done = await producer.post(f"{BASE}/events/bulk", content=lines, headers=headers)
    assert done.json()["result"]["recorded"] == COUNT
    await signed(shop)
    return shop


def files(directory: Path) -> set[str]:
    found = (one for one in directory.rglob("*") if not one.is_dir())
    return {one.relative_to(directory).as_posix() for one in found}


async def export(shop: Shop, directory: Path, *, events: bool) -> tuple[Exported, Steps]:
    steps: Steps = []
    done = await export_ledger(
        shop.house.settings,
        shop.tenant,
        directory,
        lambda *step: steps.append(step),
        events=events,
    )
    return done, steps


async def test_without_events(stocked: Shop, tmp_path: Path) -> None:
    done, steps = await export(stocked, tmp_path / "bundle", events=False)
    held = verify_bundle(tmp_path / "bundle", keys_of(stocked.house, stocked.tenant))
    assert held.checkpoint.size == done.events == COUNT
    assert files(tmp_path) == {
        f"bundle/{path}"
        for path in (
            "checkpoint", "tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2",
            "tile/entries/000", "tile/entries/001", "tile/entries/002.p/88",
        )
    }  # fmt: skip
    assert done.files == 8
    assert (steps[0], steps[-1]) == ((0, COUNT), (COUNT, COUNT))


async def test_with_events(stocked: Shop, tmp_path: Path) -> None:
    done, steps = await export(stocked, tmp_path, events=True)
    keys = keys_of(stocked.house, stocked.tenant)
    verify_bundle(tmp_path, keys)
    events = (tmp_path / "events.ndjson").read_bytes().splitlines(keepends=True)
    assert len(events) == COUNT == done.events
    assert steps[-1] == (2 * COUNT, 2 * COUNT)
    told = b"".join(events)
    assert told.count(b'{"_sd":"') == COUNT, "personal values are digests in it"
    assert "Jané".encode() not in told
    assert rb"Jan\u" not in told
    stored = await stocked.read("/events/evt_7", "auditor")
    assert (
        hashlib.sha256(events[stored["sequence"] - 1][:-1]).hexdigest()
        == (stored["integrity"]["sha256"])
    )
    events[8] = events[8].replace(b"shop", b"Shop")
    (tmp_path / "events.ndjson").write_bytes(b"".join(events))
    with pytest.raises(DoesNotHold) as caught:
        verify_bundle(tmp_path, keys)
    assert caught.value.sequence == 9


async def test_another_key_does_not_verify_it(house: House, stocked: Shop, tmp_path: Path) -> None:
    await export(stocked, tmp_path, events=False)
    with pytest.raises(DoesNotHold):
        verify_bundle(tmp_path, keys_of(house, "another"))


async def test_nothing_is_written_where_something_is(stocked: Shop, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(ExportRefused, match="not empty"):
        await export(stocked, tmp_path, events=False)
    assert files(tmp_path) == {"mine"}


async def test_a_ledger_that_is_not_signed(house: House, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="signed"):
        await export(house.shop(), tmp_path / "bundle", events=False)
    assert files(tmp_path) == set()


@pytest.mark.parametrize("events", [True, False])
async def test_a_ledger_with_a_gap(house: House, tmp_path: Path, *, events: bool) -> None:
    shop = house.shop()
    for _ in range(3):
        await shop.record()
    await signed(shop)
    with superuser(house) as connection:
        connection.execute(
            "delete from events where tenant_id = %s and sequence = 2", (shop.tenant,)
        )
    with pytest.raises(LedgerDamaged):
        await export(shop, tmp_path / "bundle", events=events)
    assert files(tmp_path) == set()
