"""Trees and proofs against known answers, and against RFC 6962 read word for word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.hashing import EMPTY_ROOT, leaf_hash
from domain.ledger.merkle import (
    Frontier,
    Node,
    check_consistency,
    consistency_path,
    covering,
    fold,
    inclusion_path,
    root_from_inclusion,
    root_from_range,
    tree_root,
)
from tests.domain.ledger.reference import Tree, Uniform, number

EVERY = 70
"""Up to this size, every tree is tried."""
MANY = 3000
HUGE = 2**60
TREE, UNIFORM = Tree(), Uniform()
LEAVES = [number(index) for index in range(MANY)]

# The leaves, roots and proofs of the test of the reference implementation of RFC 6962.
KNOWN_LEAVES = [
    leaf_hash(bytes.fromhex(data))
    for data in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
KNOWN_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
KNOWN_INCLUSION = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
KNOWN_CONSISTENCY = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]


def root(size: int) -> bytes:
    return TREE.mth(0, size)


def hashes(nodes: list[Node], tree: Tree = TREE) -> list[bytes]:
    return [tree.mth(index << level, (index + 1) << level) for level, index in nodes]


def folded(path: list[list[Node]], tree: Tree = TREE) -> list[bytes]:
    """A proof, from the complete nodes alone."""
    return [fold(hashes(nodes, tree)) for nodes in path]


def spoiled(proof: list[bytes]) -> list[list[bytes]]:
    """The proof with any hash changed, cut or lengthened, one more, one fewer, two swapped."""
    flipped = [bytes([one[0] ^ 1]) + one[1:] for one in proof]
    return [
        *([*proof[:at], flipped[at], *proof[at + 1 :]] for at in range(len(proof))),
        *([*proof[:at], *proof[at + 1 :]] for at in range(len(proof))),
        *([*proof[:at], number(0), *proof[at:]] for at in range(len(proof) + 1)),
        *([*proof[:at], one[:-1], *proof[at + 1 :]] for at, one in enumerate(proof)),
        *([*proof[:at], one + b"\0", *proof[at + 1 :]] for at, one in enumerate(proof)),
        *([proof[1], proof[0], *proof[2:]] for _ in proof[1:2]),
    ]


def includes(index: int, size: int, proof: list[bytes], leaf: bytes) -> bool:
    """Whether the proof leads from a leaf to the true root of that size."""
    try:
        return root_from_inclusion(leaf, index, size, proof) == root(size)
    except Malformed:
        return False


def consistent(old: int, new: int, proof: list[bytes]) -> bool:
    """Whether the proof leads from the true root of one size to that of the other."""
    try:
        check_consistency(old, root(old), new, root(new), proof)
    except (Malformed, DoesNotHold):
        return False
    return True


def covers(
    start: int, size: int, left: list[bytes], right: list[bytes], leaves: list[bytes]
) -> bool:
    """Whether the proof leads from the leaves, put at `start`, to the true root of that size."""
    try:
        return root_from_range(leaves, start, size, left, right) == root(size)
    except Malformed:
        return False


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


class TestInclusion:
    def test_known(self) -> None:
        proof = [bytes.fromhex(one) for one in KNOWN_INCLUSION]
        assert root_from_inclusion(KNOWN_LEAVES[0], 0, 8, proof).hex() == KNOWN_ROOTS[7]
        assert inclusion_path(0, 8) == [[(0, 1)], [(1, 1)], [(2, 1)]]

    def test_a_right_edge_is_a_fold(self) -> None:
        assert inclusion_path(0, 7) == [[(0, 1)], [(1, 1)], [(1, 2), (0, 6)]]

    def test_every_proof_is_that_of_the_rfc_and_holds(self) -> None:
        for size in range(1, EVERY):
            for index in range(size):
                proof = folded(inclusion_path(index, size))
                assert proof == TREE.path(index, 0, size)
                assert includes(index, size, proof, LEAVES[index])

    def test_no_other_proof_holds(self) -> None:
        for size in range(1, 36):
            for index in range(size):
                for wrong in spoiled(TREE.path(index, 0, size)):
                    assert not includes(index, size, wrong, LEAVES[index])

    def test_no_proof_holds_elsewhere(self) -> None:
        for size in range(1, 36):
            for index in range(size):
                proof = TREE.path(index, 0, size)
                for other in range(-1, size + 2):  # The root is the true one of that size.
                    assert includes(other, size, proof, LEAVES[index]) == (other == index)
                    assert includes(index, other, proof, LEAVES[index]) == (other == size)
                    assert includes(index, size, proof, number(other)) == (other == index)

    @given(st.integers(1, MANY), st.data())
    def test_larger_trees(self, size: int, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, size - 1))
        proof = folded(inclusion_path(index, size))
        assert proof == TREE.path(index, 0, size)
        assert includes(index, size, proof, LEAVES[index])
        wrong = data.draw(st.sampled_from(spoiled(proof)))
        assert not includes(index, size, wrong, LEAVES[index])

    @given(st.integers(1, HUGE), st.data())
    def test_huge_trees(self, size: int, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, size - 1))
        proof = folded(inclusion_path(index, size), UNIFORM)
        assert proof == UNIFORM.path(index, 0, size)
        assert root_from_inclusion(number(0), index, size, proof) == UNIFORM.mth(0, size)

    @pytest.mark.parametrize(("index", "size"), [(3, 3), (0, 0), (-1, 3), (0, -1)])
    def test_an_index_outside_the_tree(self, index: int, size: int) -> None:
        with pytest.raises(ValueError, match=f"index {index} is not in a tree of size {size}"):
            inclusion_path(index, size)
        with pytest.raises(Malformed, match=f"index {index} is not in a tree of size {size}"):
            root_from_inclusion(LEAVES[0], index, size, [])

    def test_says_what_is_wrong_with_its_form(self) -> None:
        proof = TREE.path(2, 0, 5)
        with pytest.raises(Malformed, match="index 2 in a tree of size 5 takes 3 hashes, not 2"):
            root_from_inclusion(LEAVES[2], 2, 5, proof[1:])
        with pytest.raises(Malformed, match=r"hash 3 of an inclusion proof .* 31 bytes, not 32"):
            root_from_inclusion(LEAVES[2], 2, 5, [*proof[:2], proof[2][1:]])
        with pytest.raises(Malformed, match="leaf has 33 bytes"):
            root_from_inclusion(LEAVES[2] + b"\0", 2, 5, proof)


class TestConsistency:
    def test_known(self) -> None:
        proof = [bytes.fromhex(one) for one in KNOWN_CONSISTENCY]
        six, eight = bytes.fromhex(KNOWN_ROOTS[5]), bytes.fromhex(KNOWN_ROOTS[7])
        check_consistency(6, six, 8, eight, proof)
        assert consistency_path(6, 8) == [[(1, 2)], [(1, 3)], [(2, 0)]]

    def test_every_proof_is_that_of_the_rfc_and_holds(self) -> None:
        for new in range(EVERY):
            for old in range(new + 1):
                proof = folded(consistency_path(old, new))
                assert proof == (TREE.proof(old, new) if old else [])
                assert consistent(old, new, proof)

    def test_no_other_proof_holds(self) -> None:
        for new in range(36):
            for old in range(new + 1):
                for wrong in spoiled(folded(consistency_path(old, new))):
                    assert not consistent(old, new, wrong)

    def test_no_proof_holds_for_other_sizes(self) -> None:
        for new in range(2, 20):
            for old in range(1, new):
                proof = TREE.proof(old, new)
                held = [
                    (first, second)
                    for first in range(21)
                    for second in range(21)
                    if consistent(first, second, proof)
                ]
                assert held == [(old, new)]

    def test_no_other_root_holds(self) -> None:
        for new in range(36):
            for old in range(new + 1):
                proof = folded(consistency_path(old, new))
                with pytest.raises(DoesNotHold):
                    check_consistency(old, number(0)[::-1], new, root(new), proof)
                if old:  # Any tree goes on from the empty one: the proof says nothing of it.
                    with pytest.raises(DoesNotHold):
                        check_consistency(old, root(old), new, number(0)[::-1], proof)

    @given(st.integers(1, MANY), st.data())
    def test_larger_trees(self, new: int, data: st.DataObject) -> None:
        old = data.draw(st.integers(1, new))
        proof = folded(consistency_path(old, new))
        assert proof == TREE.proof(old, new)
        assert consistent(old, new, proof)
        assert not consistent(old, new, data.draw(st.sampled_from(spoiled(proof))))

    @given(st.integers(1, HUGE), st.data())
    def test_huge_trees(self, new: int, data: st.DataObject) -> None:
        old = data.draw(st.integers(1, new))
        proof = folded(consistency_path(old, new), UNIFORM)
        assert proof == UNIFORM.proof(old, new)
        check_consistency(old, UNIFORM.mth(0, old), new, UNIFORM.mth(0, new), proof)

    def test_a_tree_that_shrank_names_the_first_that_is_gone(self) -> None:
        with pytest.raises(DoesNotHold, match="has 5 leaves, the older one 7") as refused:
            check_consistency(7, root(7), 5, root(5), [])
        assert refused.value.sequence == 6

    def test_two_roots_of_one_size(self) -> None:
        with pytest.raises(
            DoesNotHold, match="two trees of size 5 have different roots"
        ) as refused:
            check_consistency(5, root(5), 5, root(6), [])
        assert refused.value.sequence is None

    def test_an_empty_tree_has_one_root(self) -> None:
        check_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
        for old_root, new_root in [(EMPTY_ROOT, root(1)), (root(1), EMPTY_ROOT)]:
            with pytest.raises(DoesNotHold):
                check_consistency(0, old_root, 0, new_root, [])

    def test_says_what_is_wrong_with_its_form(self) -> None:
        proof = TREE.proof(3, 7)
        with pytest.raises(Malformed, match="from size 3 to 7 takes 4 hashes, not 3"):
            check_consistency(3, root(3), 7, root(7), proof[1:])
        with pytest.raises(Malformed, match="size -1"):
            check_consistency(-1, root(3), 7, root(7), proof)
        with pytest.raises(Malformed, match="hash 2 of a pair of roots has 31 bytes"):
            check_consistency(3, root(3), 7, root(7)[1:], proof)
        with pytest.raises(ValueError, match="no tree of size 3 goes on"):
            consistency_path(4, 3)


class TestRange:
    @pytest.mark.parametrize("size", [*range(1, 36), 63, 64, 65, 69])
    def test_every_range_holds(self, size: int) -> None:
        for start in range(size):
            left = hashes(covering(0, start))
            for end in range(start + 1, size + 1):
                assert covers(start, size, left, hashes(covering(end, size)), LEAVES[start:end])

    def test_no_other_proof_holds(self) -> None:
        for size in range(1, 14):
            for start in range(size):
                for end in range(start + 1, size + 1):
                    left, right = hashes(covering(0, start)), hashes(covering(end, size))
                    leaves = LEAVES[start:end]
                    for wrong in spoiled(left):
                        assert not covers(start, size, wrong, right, leaves)
                    for wrong in spoiled(right):
                        assert not covers(start, size, left, wrong, leaves)

    def test_no_proof_holds_elsewhere(self) -> None:
        for size in range(1, 12):
            for start in range(size):
                for end in range(start + 1, size + 1):
                    left, right = hashes(covering(0, start)), hashes(covering(end, size))
                    leaves = LEAVES[start:end]
                    held = [
                        (first, of)
                        for first in range(-1, 13)
                        for of in range(-1, 13)
                        if covers(first, of, left, right, leaves)
                    ]
                    assert held == [(start, size)]

    def test_no_other_leaf_holds(self) -> None:
        left, right = hashes(covering(0, 3)), hashes(covering(8, 11))
        for at in range(3, 8):
            for other in (number(0), LEAVES[at][1:], LEAVES[at] + b"\0"):
                leaves = [*LEAVES[3:at], other, *LEAVES[at + 1 : 8]]
                assert not covers(3, 11, left, right, leaves)

    @given(st.integers(1, MANY), st.data())
    def test_larger_trees(self, size: int, data: st.DataObject) -> None:
        start = data.draw(st.integers(0, size - 1))
        end = data.draw(st.integers(start + 1, size))
        left, right = hashes(covering(0, start)), hashes(covering(end, size))
        leaves = LEAVES[start:end]
        assert covers(start, size, left, right, leaves)
        wrong = data.draw(st.sampled_from(spoiled(left)))
        assert not covers(start, size, wrong, right, leaves)
        wrong = data.draw(st.sampled_from(spoiled(right)))
        assert not covers(start, size, left, wrong, leaves)

    @given(st.integers(1, HUGE), st.data())
    def test_huge_trees(self, size: int, data: st.DataObject) -> None:
        start = data.draw(st.integers(0, size - 1))
        count = data.draw(st.integers(1, min(40, size - start)))
        left = hashes(covering(0, start), UNIFORM)
        right = hashes(covering(start + count, size), UNIFORM)
        made = root_from_range([number(0)] * count, start, size, left, right)
        assert made == UNIFORM.mth(0, size)

    @pytest.mark.parametrize(("start", "count", "size"), [(0, 0, 3), (-1, 1, 3), (2, 2, 3)])
    def test_a_range_outside_the_tree(self, start: int, count: int, size: int) -> None:
        with pytest.raises(Malformed, match=f"in a tree of size {size}"):
            root_from_range(LEAVES[:count], start, size, [], [])
