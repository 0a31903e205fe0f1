"""The tiles are those of tlog-tiles, however events are cut into batches."""

from __future__ import annotations

import pytest

from projections.reading import Connection
from projections.rebuild import compare, rebuild
from tests.projections.conftest import Connect
from tests.projections.filling import Fact, Filling
from tests.projections.ledger.ledgers import (
    MODEL,
    entries_of,
    follow,
    record,
    tiles_in,
    tiles_over,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("count", "tiles"), [(255, 0), (256, 1), (257, 1), (767, 2), (768, 3)])
async def test_a_tile_is_there_with_its_last_event(
    app: Connection, filling: Filling, count: int, tiles: int
) -> None:
    entries = await record(filling, {"acme": count})
    await follow(app)
    assert len(await tiles_in(app)) == tiles
    assert await tiles_in(app) == tiles_over(entries)


@pytest.mark.parametrize("cut", [1, 3, 255, 256, 257, 1000])
async def test_however_events_are_cut_into_batches(
    app: Connection, filling: Filling, cut: int
) -> None:
    entries = await record(filling, {"acme": 700, "umbrella": 520, "new": 100})
    await follow(app, cut)
    assert len(await tiles_in(app)) == 4
    assert await tiles_in(app) == tiles_over(entries)


async def test_the_levels_above(as_owner: Connect, app: Connection, filling: Filling) -> None:
    entries = await record(filling, {"acme": 256 * 256 + 300})
    await follow(app, 5000)
    found = await tiles_in(app)
    assert [(level, tile) for _, level, tile, _, _ in found if level] == [(1, 0)]
    assert found == tiles_over(entries)
    await rebuild(as_owner, [MODEL])
    assert await tiles_in(app) == found


async def test_a_rebuild_tells_of_an_edited_tile(
    as_owner: Connect, app: Connection, filling: Filling
) -> None:
    entries = await record(filling, {"acme": 600})
    await follow(app)
    await app.execute("update ledger_tiles set root = sha256('x') where tile = 1")
    assert await compare(as_owner, [MODEL]) == ["ledger_tiles"]
    await rebuild(as_owner, [MODEL])
    assert await tiles_in(app) == tiles_over(entries)


@pytest.mark.parametrize("cut", [256, 1000])
async def test_a_tile_whose_last_event_cannot_be_decoded(
    as_owner: Connect, app: Connection, filling: Filling, cut: int
) -> None:
    rows = [filling.row(Fact("o")) for _ in range(300)]
    rows[255] = (*rows[255][:-1], b"not an event")
    await filling.add_rows(rows)
    await follow(app, cut)
    assert await tiles_in(app) == tiles_over(entries_of(filling))
    assert await compare(as_owner, [MODEL]) == []


async def test_no_tile_over_a_gap(app: Connection, filling: Filling) -> None:
    rows = [filling.row(Fact("o")) for _ in range(600)]
    await filling.add_rows(rows[:99] + rows[100:])
    await follow(app)
    assert [tile for _, _, tile, _, _ in await tiles_in(app)] == [1]
