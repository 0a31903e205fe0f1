"""Proofs in trees against known answers, and against RFC 6962 read word for word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.hashing import EMPTY_ROOT
from domain.ledger.merkle import (
    check_consistency,
    consistency_path,
    covering,
    inclusion_path,
    root_from_inclusion,
    root_from_range,
)
from tests.domain.ledger.reference import number
from tests.domain.ledger.trees import (
    EVERY,
    HUGE,
    KNOWN_LEAVES,
    KNOWN_ROOTS,
    LEAVES,
    MANY,
    TREE,
    UNIFORM,
    folded,
    hashes,
    root,
    spoiled,
)

# In the tree of the known leaves, by the test of the reference implementation of RFC 6962.
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
