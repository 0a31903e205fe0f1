from __future__ import annotations

import pytest

from bench.figures import Aim, Row, shown, table


def test_the_ratio_is_the_median_of_the_rounds_ratios() -> None:
    row = Row("x", "/s", [100, 10, 30], [10, 10, 10])
    assert row.figure == 30
    assert row.ratio == 3
    assert Row("x", "/s", [200, 20], [100, 20]).ratio == 1.5


def test_rounds_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="zip"):
        _ = Row("x", "/s", [1, 2], [1]).ratio


@pytest.mark.parametrize(
    ("aim", "reached"),
    [
        (None, None),
        (Aim(">=", 2), True),
        (Aim(">=", 2.1), False),
        (Aim("<=", 1.9), False),
        (Aim("<=", 20, of="figure"), True),
        (Aim(">=", 21, of="figure"), False),
    ],
)
def test_an_aim_bounds_the_ratio_or_our_own_figure(aim: Aim | None, reached: bool | None) -> None:
    assert Row("x", "ms", [20], [10], aim).reached is reached


def test_an_aim_for_a_ratio_is_missed_without_a_competitor() -> None:
    assert Row("x", "ms", [20], (), Aim(">=", 0)).reached is False


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(1234.5, "/s", "1,234/s"), (9.994, "ms", "9.99 ms"), (10.4, "ms", "10 ms"), (3, "MB", "3 MB")],
)
def test_figures_have_digits_that_tell_something(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text  # type: ignore[arg-type]


def test_the_table_is_markdown_with_padded_columns() -> None:
    rows = [
        Row("append", "/s", [9000], [4500], Aim(">=", 1.5)),
        Row("bulk", "/s", [100], (), Aim(">=", 30_000, of="figure")),
        Row("verify", "/s", [5]),
    ]
    lines = table(rows).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == [
        "append",
        "9,000/s",
        "4,500/s",
        "2.00",
        ">= 1.5 yes",
    ]
    assert lines[3].rstrip("| ").endswith(">= 30,000/s NO")
    assert set(lines[1]) == set("|-:")
