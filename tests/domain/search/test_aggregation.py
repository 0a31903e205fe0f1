"""Grouping events one by one."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from domain.errors import Invalid
from domain.search.aggregation import Fold, Measure, Seen, in_order, nothing
from domain.search.fields import field_named

AMOUNT = field_named("payload.amount_minor")
QTY = field_named("payload.items.qty")
TOTAL = field_named("order.total_minor")


def seen(
    *keys: list[Any],
    amounts: list[Any] | None = None,
    currency: str | None = "EUR",
    order_currency: str | None = None,
) -> Seen:
    values = {AMOUNT.name: amounts or [], QTY.name: amounts or [], TOTAL.name: amounts or []}
    return Seen(keys, values, currency, order_currency)


def test_measures() -> None:
    measures = [Measure("count"), *(Measure(op, QTY) for op in ("count", "sum", "avg", "min"))]
    fold = Fold([*measures, Measure("max", QTY), Measure("p50", QTY), Measure("p95", QTY)])
    for value in ([3], [1, 10], [], ["text"], [True], [2.5]):
        fold.take(seen(amounts=value))
    assert list(fold.rows()) == [((), (6, 5, 16.5, 16.5 / 4, 1, 10, 2.5, 10))]


def test_a_percentile_is_a_value_that_is_there() -> None:
    fold = Fold([Measure("p50", QTY), Measure("p95", QTY)])
    for value in range(1, 101):
        fold.take(seen(amounts=[value]))
    assert list(fold.rows()) == [((), (50, 95))]


def test_an_event_is_in_the_group_of_each_of_its_values_once() -> None:
    fold = Fold([Measure("count")])
    fold.take(seen(["a", "b", "a"], [1]))
    fold.take(seen(["b"], [True]))
    fold.take(seen([], [1.0]))
    assert sorted(fold.rows(), key=repr) == [
        (("a", 1), (1,)),
        (("b", 1), (1,)),
        (("b", True), (1,)),
        ((None, 1.0), (1,)),
    ]


def test_sums_are_exact() -> None:
    fold = Fold([Measure("sum", QTY)])
    for value in (2**53 - 1, 2, 0.5, 0.25):
        fold.take(seen(amounts=[value]))
    assert list(fold.rows()) == [((), (2**53 + 1.75,))]
    fold = Fold([Measure("sum", QTY)])
    for value in (2**53 - 1, 2**53 - 1, 3):
        fold.take(seen(amounts=[value]))
    assert list(fold.rows()) == [((), (2**54 + 1,))]


def test_currencies_are_not_mixed_in_a_group() -> None:
    fold = Fold([Measure("count"), Measure("sum", AMOUNT)])
    fold.take(seen(["a"], amounts=[1], currency="EUR"))
    fold.take(seen(["a"], amounts=[], currency="GBP"))  # no amount: nothing to add up
    fold.take(seen(["b"], amounts=[2], currency="GBP"))
    assert sorted(fold.rows()) == [(("a",), (2, 1)), (("b",), (1, 2))]
    fold.take(seen(["a"], amounts=[1], currency=None))
    with pytest.raises(Invalid, match="'currency' into group_by") as caught:
        fold.rows()
    assert caught.value.errors[0].pointer == "/measures/1"


def test_an_orders_amounts_are_in_its_currency() -> None:
    fold = Fold([Measure("max", TOTAL)])
    fold.take(seen(amounts=[1], currency="EUR", order_currency="GBP"))
    fold.take(seen(amounts=[2], currency="USD", order_currency="GBP"))
    assert list(fold.rows()) == [((), (2,))]


def test_counts_of_amounts_are_no_sums() -> None:
    fold = Fold([Measure("count", AMOUNT)])
    fold.take(seen(amounts=[1], currency="EUR"))
    fold.take(seen(amounts=[1], currency="GBP"))
    assert list(fold.rows()) == [((), (2,))]


def test_the_measures_of_nothing() -> None:
    measures = [Measure("count"), Measure("sum", QTY), Measure("avg", QTY), Measure("p95", QTY)]
    assert nothing(measures) == (0, 0, None, None)


def test_groups_are_in_order_numbers_first_then_texts_then_null() -> None:
    values = [None, "b", "", "a", 2, 0, -1.5]
    told = in_order([((value,), (1,)) for value in values])
    assert [key for key, _ in told] == [(-1.5,), (0,), (2,), ("",), ("a",), ("b",), (None,)]


def test_groups_of_several_keys_are_in_order() -> None:
    keys = [(1, "b"), (0, "c"), (2, "a"), (1, "a")]
    told = in_order([(key, (1,)) for key in keys])
    assert [key for key, _ in told] == [(0, "c"), (1, "a"), (1, "b"), (2, "a")]


def test_one_event_is_not_in_more_groups_than_are_told() -> None:
    fold = Fold([Measure("count")])
    fold.take(seen(list(range(100)), list(range(100))))
    assert len(list(fold.rows())) == 10_000
    fold.take(seen([-1]))
    with pytest.raises(Invalid, match="/group_by: gives more than 10,000 groups"):
        fold.rows()
    with pytest.raises(Invalid, match="/group_by: gives more than 10,000 groups"):
        Fold([Measure("count")]).take(seen(*[list(range(1000))] * 4))  # 10^12


def test_what_an_event_says_is_not_kept_for_each_of_its_groups() -> None:
    """An order of 500 lines, by sku, is in 500 groups, with the quantities of all lines in each."""
    fold = Fold([Measure(op, QTY) for op in ("count", "sum", "avg", "min", "max", "p50")])
    tracemalloc.start()
    try:
        for _ in range(4):
            fold.take(seen(list(range(500)), amounts=list(range(500))))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 4_000_000
    assert list(fold.rows())[7] == ((7,), (4, 4 * 124_750, 249.5, 0, 499, 249))


def test_true_is_not_among_the_ones() -> None:
    keys = [(1, "b"), (True, "z"), (1, "a"), (False, "a")]
    told = in_order([(key, (1,)) for key in keys])
    assert repr([key for key, _ in told]) == "[(False, 'a'), (True, 'z'), (1, 'a'), (1, 'b')]"


def test_a_top_list_ranks_amounts_of_one_currency_and_no_group_of_null() -> None:
    fold = Fold([Measure("sum", AMOUNT)], top=True)
    fold.take(seen(["a"], amounts=[1]))
    fold.take(seen([], amounts=[7], currency="GBP"))
    assert list(fold.rows()) == [(("a",), (1,))]
    fold.take(seen(["b"], amounts=[2], currency="GBP"))
    with pytest.raises(Invalid, match="/measure: is of amounts in several currencies"):
        fold.rows()
