"""Trees against known answers, and against RFC 6962 read word for word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.hashing import EMPTY_ROOT
from domain.ledger.merkle import Frontier, covering, fold, tree_root
from tests.domain.ledger.trees import (
    EVERY,
    HUGE,
    KNOWN_LEAVES,
    KNOWN_ROOTS,
    LEAVES,
    MANY,
    TREE,
    hashes,
    root,
)


class TestTree:
    @pytest.mark.parametrize("size", range(1, 9))
    def test_known_roots(self, size: int) -> None:
        assert tree_root(KNOWN_LEAVES[:size]).hex() == KNOWN_ROOTS[size - 1]

    def test_without_leaves(self) -> None:
        assert tree_root([]) == Frontier().root() == EMPTY_ROOT

    def test_every_root_while_it_grows(self) -> None:
        frontier = Frontier()
        for size in range(EVERY):
            assert frontier.size == size
            assert frontier.root() == root(size) == tree_root(LEAVES[:size])
            assert list(frontier.peaks) == hashes(covering(0, size))
            frontier.append(LEAVES[size])

    @given(st.lists(st.integers(0, 40), max_size=9))
    def test_grows_by_any_steps(self, steps: list[int]) -> None:
        frontier = Frontier()
        for step in steps:
            frontier.extend(LEAVES[frontier.size : frontier.size + step])
            assert frontier.root() == root(frontier.size)

    @given(st.integers(0, MANY - 50), st.integers(0, 50))
    def test_grows_on_from_its_bytes(self, size: int, more: int) -> None:
        before = Frontier(size, hashes(covering(0, size)))
        frontier = Frontier.from_bytes(size, before.to_bytes())
        frontier.extend(LEAVES[size : size + more])
        assert frontier.root() == root(size + more)
        assert before.root() == root(size)

    def test_its_bytes_are_the_peaks_the_largest_first(self) -> None:
        frontier = Frontier()
        frontier.extend(LEAVES[:7])
        assert frontier.to_bytes() == TREE.mth(0, 4) + TREE.mth(4, 6) + LEAVES[6]
        assert Frontier().to_bytes() == b""

    def test_a_copy_grows_apart(self) -> None:
        frontier = Frontier(1, LEAVES[:1])
        copy = frontier.copy()
        copy.append(LEAVES[1])
        assert (frontier.size, frontier.root()) == (1, root(1))
        assert (copy.size, copy.root()) == (2, root(2))

    @pytest.mark.parametrize(
        ("size", "length"), [(0, 32), (3, 32), (3, 63), (3, 65), (3, 96), (4, 64), (4, 0), (-1, 32)]
    )
    def test_peaks_that_are_not_of_its_size(self, size: int, length: int) -> None:
        with pytest.raises(ValueError, match="peak"):
            Frontier.from_bytes(size, bytes(length))

    @given(st.integers(0, MANY))
    def test_grows_by_whole_subtrees(self, size: int) -> None:
        frontier = Frontier()
        for level, index in covering(0, size // 3) + covering(size // 3, size):
            frontier.add(level, TREE.mth(index << level, (index + 1) << level))
        assert (frontier.size, frontier.root()) == (size, root(size))

    def test_a_subtree_begins_at_a_multiple_of_its_size(self) -> None:
        with pytest.raises(ValueError, match="level 1"):
            Frontier(1, LEAVES[:1]).add(1, LEAVES[1])

    def test_nothing_has_no_fold(self) -> None:
        with pytest.raises(IndexError):
            fold([])


class TestCovering:
    def test_every_range_by_its_largest_complete_nodes(self) -> None:
        nodes = [(level, index) for level in range(6) for index in range(32 >> level)]
        for end in range(33):
            for start in range(end + 1):
                inside = [
                    (level, index)
                    for level, index in nodes
                    if start <= index << level and (index + 1) << level <= end
                ]
                largest = [node for node in inside if (node[0] + 1, node[1] >> 1) not in inside]
                assert covering(start, end) == sorted(largest, key=lambda node: node[1] << node[0])

    @given(st.integers(0, HUGE), st.integers(0, HUGE))
    def test_has_no_hole(self, one: int, other: int) -> None:
        start, end = sorted((one, other))
        for level, index in covering(start, end):
            assert index << level == start
            start = (index + 1) << level
        assert start == end

    @pytest.mark.parametrize(("start", "end"), [(2, 1), (-1, 2)])
    def test_no_range(self, start: int, end: int) -> None:
        with pytest.raises(ValueError, match="no range"):
            covering(start, end)
