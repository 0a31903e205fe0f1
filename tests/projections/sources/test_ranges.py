from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from projections.sources.ranges import Range, count, joined, ranges_of

NUMBERS = st.lists(st.integers(0, 40))
RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8)).map(lambda r: (r[0], sum(r))))


def held(ranges: list[Range]) -> set[int]:
    return {number for low, high in ranges for number in range(low, high + 1)}


@given(NUMBERS)
def test_the_ranges_of_numbers_hold_these_and_no_others(numbers: list[int]) -> None:
    assert held(ranges_of(numbers)) == set(numbers)
    assert count(ranges_of(numbers)) == len(set(numbers))


@given(RANGES)
def test_joined_ranges_hold_the_same_and_do_not_touch(ranges: list[Range]) -> None:
    found = joined(ranges)
    assert held(found) == held(ranges)
    assert all(after[0] > before[1] + 1 for before, after in pairwise(found))


def test_an_example() -> None:
    assert ranges_of([5, 1, 2, 9, 3, 8, 1]) == [(1, 3), (5, 5), (8, 9)]
