"""Tiles against tlog-tiles' own example, and against the tree that they are cut of."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.ledger.faults import Malformed
from domain.ledger.merkle import (
    Node,
    check_consistency,
    consistency_path,
    covering,
    fold,
    inclusion_path,
    root_from_inclusion,
)
from domain.ledger.tiles import (
    HEIGHT,
    WIDTH,
    Tile,
    decode_entries,
    edge_of,
    edge_root,
    encode_entries,
    full,
    node_in_tile,
    tile_of,
    tile_root,
    tiles_of,
)
from tests.domain.ledger.reference import Tree, number

SIZE = 70_000
"""Of tlog-tiles' example; a tree of three levels of tiles."""
TREE = Tree()


def hashes(tile: Tile) -> bytes:
    """The bytes of a tile, as tlog-tiles defines them."""
    span = WIDTH**tile.level
    first = tile.index * WIDTH
    return b"".join(TREE.mth(at * span, (at + 1) * span) for at in range(first, first + tile.width))


def known(node: Node) -> bytes:
    level, index = node
    return TREE.mth(index << level, (index + 1) << level)


def read(node: Node, size: int) -> bytes:
    """The hash of a node as a reader of the tiles gets it."""
    tile = tile_of(node, size)
    return node_in_tile(node, tile, hashes(tile))


class TestTiles:
    def test_the_example_of_the_specification(self) -> None:
        assert Counter((tile.level, tile.width) for tile in tiles_of(SIZE)) == {
            (0, 256): 273,
            (0, 112): 1,
            (1, 256): 1,
            (1, 17): 1,
            (2, 1): 1,
        }
        assert list(tiles_of(SIZE))[272:] == [
            Tile(0, 272),
            Tile(0, 273, 112),
            Tile(1, 0),
            Tile(1, 1, 17),
            Tile(2, 0, 1),
        ]
        assert [full(level, SIZE) for level in range(3)] == [273, 1, 0]

    @pytest.mark.parametrize(
        ("size", "tiles"),
        [
            (0, []),
            (1, [Tile(0, 0, 1)]),
            (255, [Tile(0, 0, 255)]),
            (256, [Tile(0, 0), Tile(1, 0, 1)]),
            (257, [Tile(0, 0), Tile(0, 1, 1), Tile(1, 0, 1)]),
            (511, [Tile(0, 0), Tile(0, 1, 255), Tile(1, 0, 1)]),
            (512, [Tile(0, 0), Tile(0, 1), Tile(1, 0, 2)]),
        ],
    )
    def test_small_trees(self, size: int, tiles: list[Tile]) -> None:
        assert list(tiles_of(size)) == tiles

    def test_a_larger_tree_has_all_full_tiles_of_a_smaller_one(self) -> None:
        before: set[Tile] = set()
        for size in range(0, 3 * WIDTH**2, 1009):
            whole = {tile for tile in tiles_of(size) if tile.width == WIDTH}
            assert before <= whole
            before = whole

    @given(st.integers(0, 2**22), st.integers(0, 3))
    def test_as_many_are_full_as_are_counted(self, size: int, level: int) -> None:
        whole = [tile.index for tile in tiles_of(size) if (tile.level, tile.width) == (level, 256)]
        assert whole == list(range(full(level, size)))


class TestEdge:
    @given(st.integers(0, 2**40))
    def test_is_what_is_not_full(self, size: int) -> None:
        small = size % 2**18
        assert edge_of(small) == [tile for tile in tiles_of(small) if tile.width < WIDTH]
        assert sum(tile.width << HEIGHT * tile.level for tile in edge_of(size)) == size

    @given(st.integers(0, SIZE) | st.sampled_from([1, 255, 256, 257, 65_535, 65_536, 65_537]))
    @example(SIZE)
    def test_gives_the_root(self, size: int) -> None:
        assert edge_root(size, [hashes(tile) for tile in edge_of(size)]) == TREE.mth(0, size)

    def test_of_another_size_gives_none(self) -> None:
        with pytest.raises(ValueError, match="peaks"):
            edge_root(300, [hashes(tile) for tile in edge_of(301)])


class TestNodes:
    @pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 300, 520])
    def test_every_complete_node_is_in_its_tile(self, size: int) -> None:
        tiles = set(tiles_of(size))
        for level in range(size.bit_length()):
            for index in range(size >> level):
                assert tile_of((level, index), size) in tiles
                assert read((level, index), size) == known((level, index))

    @given(st.integers(0, 16), st.data())
    def test_nodes_of_a_larger_tree(self, level: int, data: st.DataObject) -> None:
        node = level, data.draw(st.integers(0, (SIZE >> level) - 1))
        assert read(node, SIZE) == known(node)

    def test_a_node_is_in_a_wider_tile_too(self) -> None:
        whole = Tile(0, 1)
        assert node_in_tile((2, 65), whole, hashes(whole)) == known((2, 65))

    @pytest.mark.parametrize(
        ("node", "size", "tile"),
        [
            ((0, 3), 4, Tile(0, 0, 4)),
            ((7, 1), 256, Tile(0, 0)),
            ((8, 0), 256, Tile(1, 0, 1)),
            ((8, 272), SIZE, Tile(1, 1, 17)),
            ((12, 16), SIZE, Tile(1, 1, 17)),
            ((15, 1), SIZE, Tile(1, 0)),
            ((16, 0), SIZE, Tile(2, 0, 1)),
        ],
    )
    def test_where_a_node_is(self, node: Node, size: int, tile: Tile) -> None:
        assert tile_of(node, size) == tile

    @given(st.integers(1, SIZE), st.data())
    def test_every_hash_of_a_proof_comes_of_the_tiles(self, new: int, data: st.DataObject) -> None:
        old = data.draw(st.integers(1, new))
        proof = [fold([read(node, new) for node in part]) for part in consistency_path(old, new)]
        check_consistency(old, TREE.mth(0, old), new, TREE.mth(0, new), proof)
        proof = [fold([read(node, new) for node in part]) for part in inclusion_path(old - 1, new)]
        assert root_from_inclusion(number(old - 1), old - 1, new, proof) == TREE.mth(0, new)
        assert fold([read(node, new) for node in covering(0, new)]) == TREE.mth(0, new)

    @pytest.mark.parametrize("node", [(0, 300), (2, 75), (8, 1), (9, 0), (0, -1), (-1, 0)])
    def test_no_such_node(self, node: Node) -> None:
        with pytest.raises(ValueError, match="a tree of size 300 has no complete node"):
            tile_of(node, 300)

    @pytest.mark.parametrize(
        ("node", "tile"),
        [
            ((0, 256), Tile(0, 0)),
            ((0, 255), Tile(0, 1)),
            ((0, 4), Tile(0, 0, 4)),
            ((2, 1), Tile(0, 0, 7)),
            ((8, 0), Tile(0, 0)),
            ((0, 0), Tile(1, 0)),
        ],
    )
    def test_a_tile_without_the_node(self, node: Node, tile: Tile) -> None:
        with pytest.raises(ValueError, match="does not hold node"):
            node_in_tile(node, tile, bytes(tile.width * 32))

    @pytest.mark.parametrize("length", [0, 95, 97, 128])
    def test_a_tile_of_another_length(self, length: int) -> None:
        with pytest.raises(Malformed, match=rf"tile/0/000.p/3 has {length} bytes, not 96"):
            node_in_tile((0, 0), Tile(0, 0, 3), bytes(length))

    def test_the_root_of_a_full_tile(self) -> None:
        assert tile_root(hashes(Tile(0, 3))) == known((HEIGHT, 3))
        assert tile_root(hashes(Tile(1, 0))) == known((2 * HEIGHT, 0))

    @pytest.mark.parametrize("length", [0, 32, 8191, 8193, 8160])
    def test_a_partial_tile_is_in_no_tile_above(self, length: int) -> None:
        with pytest.raises(Malformed, match=f"8192 bytes, not {length}"):
            tile_root(bytes(length))


class TestEntries:
    def test_known(self) -> None:
        one, two = number(1), number(2)
        assert encode_entries([one, two]) == b"\x00\x20" + one + b"\x00\x20" + two
        assert encode_entries([]) == b""
        assert decode_entries(b"") == []

    @given(st.lists(st.binary(min_size=32, max_size=32), max_size=5))
    def test_there_and_back(self, entries: list[bytes]) -> None:
        assert decode_entries(encode_entries(entries)) == entries

    @pytest.mark.parametrize("length", [0, 31, 33])
    def test_an_entry_is_a_hash(self, length: int) -> None:
        with pytest.raises(ValueError, match=f"not {length}"):
            encode_entries([number(0), bytes(length)])

    @pytest.mark.parametrize(
        "data",
        [
            encode_entries([number(1)])[:-1],
            encode_entries([number(1)]) + b"\x00",
            encode_entries([number(1)]) + b"\x00\x20",
            encode_entries([number(1)]) + b"\x00\x1f" + number(2)[1:],
            encode_entries([number(1)]) + b"\x00\x21" + number(2) + b"\x00",
            encode_entries([number(1)]) + b"\x01\x20" + number(2),
        ],
    )
    def test_a_bundle_that_is_not_whole(self, data: bytes) -> None:
        with pytest.raises(
            Malformed, match=r"entry [12] of the bundle, at byte (0|34), is not whole"
        ):
            decode_entries(data)
