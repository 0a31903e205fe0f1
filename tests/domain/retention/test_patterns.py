"""What two patterns have in common is exactly what fits both."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.retention.patterns import common, fits, wrong_with

SEGMENTS = st.sampled_from(["order", "payment", "pay", "history", "history_x", "a_b"])
NAMES = st.lists(SEGMENTS, min_size=1, max_size=4).map(".".join)
TYPES = NAMES.filter(lambda name: "." in name)
PATTERNS = st.one_of(st.just("*"), TYPES, NAMES.map("{}.*".format)).filter(
    lambda one: wrong_with(one) is None
)


@pytest.mark.parametrize(
    ("event_type", "pattern", "is_so"),
    [
        ("order.payment.failed", "order.payment.*", True),
        ("order.payment.a.b", "order.payment.*", True),
        ("order.payment", "order.payment.*", False),
        ("order.payments.failed", "order.payment.*", False),
        ("order.payment.failed", "order.payment.failed", True),
        ("order.payment.failed", "order.payment", False),
        ("order.created", "*", True),
        ("history.hold.placed", "*", False),
        ("history_x.y", "*", True),
    ],
)
def test_what_fits(event_type: str, pattern: str, is_so: bool) -> None:
    assert fits(event_type, pattern) is is_so


@given(PATTERNS, PATTERNS, TYPES)
def test_common_is_what_fits_both(one: str, other: str, event_type: str) -> None:
    both = common(one, other)
    assert both == common(other, one)
    in_both = fits(event_type, one) and fits(event_type, other)
    assert in_both is (both is not None and fits(event_type, both))


@given(PATTERNS, PATTERNS)
def test_what_is_common_is_one_of_the_two_and_has_a_type(one: str, other: str) -> None:
    both = common(one, other)
    if both is not None:
        assert both in (one, other)
        event_type = "order.x" if both == "*" else both.replace("*", "x")
        assert fits(event_type, one)
        assert fits(event_type, other)


@pytest.mark.parametrize(
    ("pattern", "detail"),
    [
        ("order", "is no event type"),
        ("", "is no event type"),
        (".*", "is no event type"),
        ("order.", "is no event type"),
        ("Order.created", "is no event type"),
        ("order.*.failed", "is no event type"),
        ("**", "is no event type"),
        ("order.created\n", "is no event type"),
        ("history.*", "is in the namespace history."),
        ("history.hold.placed", "is in the namespace history."),
    ],
)
def test_what_is_no_pattern(pattern: str, detail: str) -> None:
    assert (wrong_with(pattern) or "").startswith(detail)


@pytest.mark.parametrize("pattern", ["*", "order.*", "order.payment.*", "x_1.y", "history_x.*"])
def test_what_is_one(pattern: str) -> None:
    assert wrong_with(pattern) is None
