"""Reading measures and groups."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import Invalid
from domain.search.aggregation import CURRENCY, Group, Measure
from domain.search.fields import field_named
from domain.search.grouping import read_groups, read_measures


def test_what_is_asked_for() -> None:
    measures = read_measures([{"op": "count"}, {"op": "sum", "field": "payload.items.qty"}], "/m")
    assert measures == [Measure("count"), Measure("sum", field_named("payload.items.qty"))]
    groups = read_groups(
        ["currency", "order.status", {"field": "occurred_at", "interval": "week"}], "/g"
    )
    assert groups == [
        Group(CURRENCY),
        Group(field_named("order.status")),
        Group(field_named("occurred_at"), "week"),
    ]
    assert read_measures([{"op": "max", "field": "occurred_at"}], "/m")


WRONG_MEASURES = [
    ([], "/m", "must be a list of 1 to 10"),
    ({}, "/m", "must be a list of 1 to 10"),
    ([{"op": "count"}] * 11, "/m", "must be a list of 1 to 10"),
    ([3], "/m/0", "must be a measure"),
    ([{"op": "mean"}], "/m/0/op", "must be one of count, sum"),
    ([{"op": ["sum"]}], "/m/0/op", "must be one of"),
    ([{"op": "sum"}], "/m/0/field", "is required for sum"),
    ([{"op": "sum", "feild": "x"}], "/m/0/feild", "did you mean field"),
    ([{"op": "sum", "field": "type"}], "/m/0/field", "must be a field of numbers"),
    ([{"op": "p50", "field": "occurred_at"}], "/m/0/field", "must be a field of numbers"),
    ([{"op": "sum", "field": "payload.amount_mino"}], "/m/0/field", "is not indexed"),
    ([{"op": "sum", "field": "amount"}], "/m/0/field", "is no field here"),
    ([{"op": "sum", "field": 7}], "/m/0/field", "must be the name of a field"),
]


@pytest.mark.parametrize(("value", "pointer", "detail"), WRONG_MEASURES)
def test_wrong_measures(value: Any, pointer: str, detail: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_measures(value, "/m")
    (error,) = caught.value.errors
    assert error.pointer == pointer
    assert detail in error.detail


WRONG_GROUPS = [
    ("type", "/g", "must be a list of 0 to 4"),
    (["type"] * 5, "/g", "must be a list of 0 to 4"),
    (["type", "type"], "/g/1", "is there twice"),
    (["typ"], "/g/0", "did you mean 'type'"),
    (["occurred_at"], "/g/0", "needs an interval"),
    (["order.created_at"], "/g/0", "cannot be grouped by"),
    (["payload.free"], "/g/0", "is not indexed"),
    ([{"field": "occurred_at"}], "/g/0/interval", "must be one of hour, day, week, month"),
    ([{"field": "type", "interval": "day"}], "/g/0/field", "must be occurred_at"),
    ([{"field": "occurred_at", "interval": {}}], "/g/0/interval", "must be one of"),
    (
        [{"field": "occurred_at", "interval": "day", "time_zone": "Mars"}],
        "/g/0/time_zone",
        "is no time zone",
    ),
    ([{"field": "occurred_at", "interval": "day", "time_zone": 1}], "/g/0/time_zone", "a string"),
    ([{"field": "occurred_at", "intervall": "day"}], "/g/0/intervall", "did you mean interval"),
]


@pytest.mark.parametrize(("value", "pointer", "detail"), WRONG_GROUPS)
def test_wrong_groups(value: Any, pointer: str, detail: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_groups(value, "/g")
    (error,) = caught.value.errors
    assert error.pointer == pointer
    assert detail in error.detail


def test_all_that_is_wrong_is_told() -> None:
    with pytest.raises(Invalid) as caught:
        read_measures([{"op": "mean"}, {"op": "count"}, {"op": "sum"}], "/m")
    assert [error.pointer for error in caught.value.errors] == ["/m/0/op", "/m/2/field"]
