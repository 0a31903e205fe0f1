"""Sets of whole numbers as ranges (low, high), both inclusive, sorted, none touching another."""

from __future__ import annotations

from collections.abc import Iterable

Range = tuple[int, int]


def ranges_of(numbers: Iterable[int]) -> list[Range]:
    """The ranges of these numbers, in whatever order they come, however often."""
    return joined((number, number) for number in numbers)


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Ranges of any kind as ones that do not touch."""
    found: list[Range] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            if high > found[-1][1]:
                found[-1] = found[-1][0], high
        else:
            found.append((low, high))
    return found


def count(ranges: Iterable[Range]) -> int:
    """How many numbers ranges hold that do not touch."""
    return sum(high - low + 1 for low, high in ranges)
