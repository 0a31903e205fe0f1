"""What two policies may not say together, whichever of them came first."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.retention.conflicts import check
from domain.retention.policies import Policies, Rule, said
from domain.retention.reading import read_rule
from domain.retention.templates import TEMPLATES
from tests.domain.retention.made import done, policy, rule, snapshots

RULES = st.builds(
    rule,
    applies_to=st.just("events"),
    event_types=st.sampled_from(
        [("order.payment.*",), ("order.payment.failed",), ("order.created", "order.closed"), ("*",)]
    ),
    retain_for=st.sampled_from(["P30D", "P1M", "P12M", "P1Y", "P7Y"]),
    duty=st.booleans(),
    action=st.sampled_from(["archive", "redact", "purge"]),
)


def conflict(new: Rule, there: Rule) -> list[Any]:
    policies = done(Policies().create("p1", there))
    try:
        check(new, policies.others(None))
    except Invalid as error:
        return [(one.pointer, one.detail) for one in error.errors]
    return []


@pytest.mark.parametrize(
    "types", [["order.payment.*"], ["order.payment.failed"], ["*"], ["order.created", "order.*"]]
)
def test_the_same_action_on_the_same_types_overlaps(types: list[str]) -> None:
    ((pointer, detail),) = conflict(rule(event_types=tuple(types), retain_for="P9Y"), rule())
    assert pointer == "/event_types"
    assert "policy p1 ('payments'), of order.payment." in detail
    assert "redact" in detail


def test_what_has_no_type_in_common_does_not() -> None:
    assert conflict(rule(event_types=("order.created", "order.pay.*")), rule()) == []
    assert conflict(snapshots(), rule(event_types=("*",))) == []


def test_snapshots_have_one_policy_for_each_action() -> None:
    ((pointer, detail),) = conflict(snapshots(retain_for="P9Y"), snapshots())
    assert (pointer, "overlaps" in detail) == ("/applies_to", True)
    assert conflict(snapshots(retain_for="P9Y", action="purge"), snapshots()) == []


@pytest.mark.parametrize(
    ("soft", "hard"), [("archive", "redact"), ("archive", "purge"), ("redact", "purge")]
)
def test_the_harder_action_comes_later(soft: str, hard: str) -> None:
    for one, other in permutations(((soft, "P1Y"), (hard, "P366D"))):
        made = [rule(action=action, retain_for=time) for action, time in (one, other)]
        assert conflict(*made) == []
    for time in ("P12M", "P365D"):
        for one, other in permutations(((soft, "P1Y"), (hard, time))):
            made = [rule(action=action, retain_for=time) for action, time in (one, other)]
            ((pointer, detail),) = conflict(*made)
            assert pointer == "/retain_for"
            assert f"{hard} after {time} must come later than {soft} after P1Y" in detail


def test_nothing_is_taken_that_a_duty_keeps() -> None:
    duty, takes = rule(action="archive", retain_for="P7Y", duty=True), rule(retain_for="P1Y")
    for made in permutations((duty, takes)):
        ((pointer, detail),) = conflict(*made)
        assert pointer == "/retain_for"
        assert "redact after P1Y is before a duty to keep for P7Y ends" in detail
    assert conflict(rule(retain_for="P8Y"), duty) == []


@given(RULES, RULES)
def test_who_came_first_does_not_matter(one: Rule, other: Rule) -> None:
    assert bool(conflict(one, other)) is bool(conflict(other, one))


def test_all_conflicts_are_told_at_once() -> None:
    there = [policy("p1"), policy("p2", event_types=("order.created",), retain_for="P2Y")]
    with pytest.raises(Invalid) as refused:
        check(rule(event_types=("*",), action="purge"), there)
    assert [("p1" in one.detail, "p2" in one.detail) for one in refused.value.errors] == [
        (True, False), (False, True),
    ]  # fmt: skip


def test_the_templates_can_both_be_made() -> None:
    first, second = TEMPLATES
    assert conflict(first, second) == []
    for one in TEMPLATES:
        assert read_rule(said(one)) == one
