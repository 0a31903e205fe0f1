"""Filling up what is grouped by time."""

from __future__ import annotations

from application.search.aggregating import Frame
from application.search.ports import Asked
from domain.search.aggregation import Group, Measure
from domain.search.fields import field_named

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
