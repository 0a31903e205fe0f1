"""The right edge of a tree, begun at any size, against the frontier and the tree of reference."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.edge import FullTile, TreeEdge
from domain.ledger.merkle import Frontier
from domain.ledger.tiles import WIDTH, Tile, tile_root, tiles_of
from tests.domain.ledger.reference import Tree, number

SIZE = 3 * WIDTH
HIGH = WIDTH * WIDTH
"""Where a tile of level 1 becomes full."""
LEAVES = [number(index) for index in range(HIGH + 300)]
TREE = Tree()
cuts = st.lists(st.integers(0, SIZE), min_size=2, max_size=6).map(sorted)


def frontier(size: int) -> Frontier:
    made = Frontier()
    made.extend(LEAVES[:size])
    return made


@given(cuts)
def test_it_grows_as_a_frontier_does(sizes: list[int]) -> None:
    edge = TreeEdge(frontier(sizes[0]))
    filled: list[FullTile] = []
    for start, end in pairwise(sizes):
        filled += edge.extend(LEAVES[start:end])
        assert edge.size == end
        assert edge.frontier().to_bytes() == frontier(end).to_bytes()
        assert edge.root() == TREE.mth(0, end)
    assert [one.index for one in filled] == list(range(sizes[0] // WIDTH, sizes[-1] // WIDTH))
    for one in filled:
        begun_within = one.index * WIDTH < sizes[0]
        assert (one.hashes is None) == begun_within
        hashes = b"".join(LEAVES[one.index * WIDTH : (one.index + 1) * WIDTH])
        assert one.holds(hashes, tile_root(hashes))


@pytest.mark.parametrize("start", [0, 1, WIDTH - 1, WIDTH, 300, HIGH - 1, HIGH, HIGH + 3])
def test_the_levels_above(start: int) -> None:
    edge = TreeEdge(frontier(start))
    filled = edge.extend(LEAVES[start:])
    assert edge.frontier().to_bytes() == frontier(len(LEAVES)).to_bytes()
    before = set(tiles_of(start))
    full = {tile for tile in tiles_of(len(LEAVES)) if tile.width == WIDTH} - before
    assert {Tile(one.level, one.index) for one in filled} == full
    for one in filled:
        span = WIDTH**one.level
        first = one.index * WIDTH
        hashes = [TREE.mth(at * span, (at + 1) * span) for at in range(first, first + WIDTH)]
        assert one.holds(b"".join(hashes), TREE.mth(first * span, (first + WIDTH) * span))
        assert (one.first, one.last) == (first * span + 1, (first + WIDTH) * span)


@pytest.mark.parametrize("start", [0, 5])
def test_a_tile_with_anything_changed(start: int) -> None:
    (tile,) = TreeEdge(frontier(start)).extend(LEAVES[start:WIDTH])
    hashes = b"".join(LEAVES[:WIDTH])
    other = number(WIDTH)
    assert not tile.holds(hashes, other)
    assert not tile.holds(hashes[:-32] + other, tile.root)
    assert not tile.holds(other + hashes[32:], tile.root)
    assert not tile.holds(hashes[:-32], tile.root)
    assert not tile.holds(hashes + other, tile.root)
    assert not tile.holds(b"", tile.root)
    swapped = hashes[:-32] + other
    assert not tile.holds(swapped, tile_root(swapped))
    assert replace(tile, hashes=None).holds(hashes, tile.root)
