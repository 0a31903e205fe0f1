"""Filling up what is grouped by time."""

from __future__ import annotations

from application.search.aggregating import Frame, with_a_value
from application.search.ports import Asked
from domain.search.aggregation import Group, Measure
from domain.search.fields import field_named
from domain.search.query import All, Match

BY_DAY = Group(field_named("occurred_at"), "day")
SCORE = Group(field_named("payload.risk_score"))


def test_intervals_of_one_and_of_true_are_told_apart() -> None:
    frame = Frame([0, 10, 20], from_first=True, to_last=True)
    rows = frame.filled(
        [((1, 1), (5,)), ((True, 2), (7,)), ((1.0, 2), (3,))],
        Asked([Measure("count")], [SCORE, BY_DAY]),
    )
    assert sorted(rows, key=repr) == [
        ((1, 0), (5,)),
        ((1, 10), (3,)),
        ((True, 0), (0,)),
        ((True, 10), (7,)),
    ]


def test_only_events_with_the_value_that_is_asked_for_are_looked_at() -> None:
    score, weight = field_named("payload.risk_score"), field_named("payload.weight_g")
    every, has_score = All(()), Match(score, "exists", True)
    added, highest = Measure("sum", score), Measure("max", score)
    assert with_a_value(every, Asked([added, highest], [])) == All((every, has_score))
    assert with_a_value(every, Asked([added], [BY_DAY])) == every
    assert with_a_value(every, Asked([added, Measure("sum", weight)], [])) == every
    assert with_a_value(every, Asked([added, Measure("count")], [])) == every
    assert with_a_value(every, Asked([Measure("count")], [SCORE], 3)) == All((every, has_score))
    assert with_a_value(every, Asked([Measure("count")], [SCORE])) == every
