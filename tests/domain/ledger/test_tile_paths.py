"""Each tile and each bundle has one path, as tlog-tiles writes it; nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.faults import Malformed
from domain.ledger.tiles import WIDTH, Tile, bundle_path, parse_bundle_path

TREE_PATHS = [
    (Tile(0, 0), "tile/0/000"),
    (Tile(0, 7, 1), "tile/0/007.p/1"),
    (Tile(0, 999, 255), "tile/0/999.p/255"),
    (Tile(0, 1000), "tile/0/x001/000"),
    (Tile(3, 1_234_067), "tile/3/x001/x234/067"),
    (Tile(63, 1_234_067, 112), "tile/63/x001/x234/067.p/112"),
]
NO_PLACES = [
    "",
    "0",
    "00",
    "0000",
    "x000",
    "x001",
    "x000/001",
    "001/002",
    "x001/x002",
    "x1/002",
    "X001/002",
    "x001//002",
    "x001/002/",
    "/000",
    "000 ",
    "000\n",
    "-01",
    "\u0660\u0660\u0660",  # digits, elsewhere
    "000.p",
    "000.p/",
    "000.p/0",
    "000.p/01",
    "000.p/256",
    "000.p/999",
    "000.p/1000",
    "000.p/-1",
    "000.p/+1",
    "000.p/1/",
    "000.p/1.p/1",
    "000.P/1",
    "000p/1",
    "x001.p/1/000",
    "../000",
    "x001/" * 7 + "000",
]


class TestPaths:
    @pytest.mark.parametrize(("tile", "path"), TREE_PATHS)
    def test_known(self, tile: Tile, path: str) -> None:
        assert tile.path() == path
        assert Tile.parse(path) == tile
        bundle = "tile/entries/" + path.split("/", 2)[2]
        assert bundle_path(tile.index, tile.width) == bundle
        assert parse_bundle_path(bundle) == (tile.index, tile.width)

    @given(st.integers(0, 63), st.integers(0, 2**63 - 1), st.integers(1, WIDTH))
    def test_there_and_back(self, level: int, index: int, width: int) -> None:
        tile = Tile(level, index, width)
        assert Tile.parse(tile.path()) == tile
        assert parse_bundle_path(bundle_path(index, width)) == (index, width)

    @given(st.sampled_from(TREE_PATHS), st.data())
    def test_each_tile_has_one_path(self, one: tuple[Tile, str], data: st.DataObject) -> None:
        path = one[1]
        at = data.draw(st.integers(0, len(path)))
        cut = data.draw(st.integers(0, 2))
        changed = path[:at] + data.draw(st.text("0123456789xp./", max_size=2)) + path[at + cut :]
        try:
            tile = Tile.parse(changed)
        except Malformed:
            return
        assert tile.path() == changed

    @pytest.mark.parametrize("place", NO_PLACES)
    def test_no_place(self, place: str) -> None:
        for before, parse in (("tile/0/", Tile.parse), ("tile/entries/", parse_bundle_path)):
            with pytest.raises(Malformed, match="in the path") as refused:
                parse(before + place)
            assert "\n" not in str(refused.value)

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "tile",
            "/tile/0/000",
            "tiles/0/000",
            "tile//000",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/1 /000",
            "tile/x/000",
            "tile/entries/000",
            "checkpoint",
            "tile/1\n",
        ],
    )
    def test_no_tile(self, path: str) -> None:
        with pytest.raises(Malformed, match=r"not the path of a tile: '.*'$"):
            Tile.parse(path)

    @pytest.mark.parametrize(
        "path", ["", "tile/0/000", "entries/000", "tile/entries", "tile/data/000"]
    )
    def test_no_bundle(self, path: str) -> None:
        with pytest.raises(Malformed, match="not the path of a bundle"):
            parse_bundle_path(path)
