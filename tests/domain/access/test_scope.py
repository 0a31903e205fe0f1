"""How far a grant goes, and whether one goes no further than another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access.scope import (
    ANYTHING,
    EVERYTHING,
    NOTHING,
    PERSONAL_CLASSES,
    Reach,
    Scope,
    fits,
    personal_class,
)

SOURCES, CHANNELS = ("stripe", "adyen"), ("web", "shop")
TYPES = ("order.payment.*", "order.payment.failed", "order.created", "order.*")
EVENTS = st.tuples(
    st.sampled_from([*SOURCES, "wms"]),
    st.sampled_from(["order.payment.failed", "order.created", "order.payment", "orders.x"]),
    st.sampled_from([*CHANNELS, None]),
)


def some_of(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...] | None]:
    return st.none() | st.lists(st.sampled_from(values), min_size=1, max_size=2).map(tuple)


SCOPES = st.builds(
    Scope,
    some_of(SOURCES),
    some_of(CHANNELS),
    some_of(TYPES),
    some_of(("contact", "name")),
)
REACHES = st.lists(SCOPES, max_size=2).map(lambda scopes: Reach(tuple(scopes)))


@pytest.mark.parametrize(
    ("event_type", "pattern", "is_of_it"),
    [
        ("order.payment.failed", "order.payment.*", True),
        ("order.payment", "order.payment.*", False),
        ("order.payments.failed", "order.payment.*", False),
        ("order.created", "order.created", True),
        ("order.created.twice", "order.created", False),
    ],
)
def test_patterns_of_types(event_type: str, pattern: str, *, is_of_it: bool) -> None:
    assert fits(event_type, pattern) is is_of_it


def test_all_that_is_said_must_hold() -> None:
    scope = Scope(sources=("stripe",), channels=("web",), types=("order.payment.*",))
    assert scope.covers("stripe", "order.payment.failed", "web")
    assert not scope.covers("adyen", "order.payment.failed", "web")
    assert not scope.covers("stripe", "order.created", "web")
    assert not scope.covers("stripe", "order.payment.failed", "shop")
    assert not scope.covers("stripe", "order.payment.failed", None)


def test_one_scope_is_enough_and_none_of_several_lends_to_another() -> None:
    reach = Reach((Scope(sources=("stripe",)), Scope(channels=("web",))))
    assert reach.covers("stripe", "order.created", None)
    assert reach.covers("wms", "order.created", "web")
    assert not reach.covers("wms", "order.created", "shop")
    assert not NOTHING.covers("stripe", "order.created", "web")


def test_persons_of_a_source_are_not_shown_of_another() -> None:
    reach = Reach((Scope(sources=("stripe",)), Scope(sources=("wms",), personal=("address",))))
    assert reach.personal("stripe", "order.created", None) == PERSONAL_CLASSES
    assert reach.personal("wms", "order.created", None) == {"address"}
    assert reach.personal("adyen", "order.created", None) == frozenset()


def test_what_comes_in_without_a_channel_is_not_limited_by_channels() -> None:
    reach = Reach((Scope(sources=("shop",), channels=("web",)),))
    assert reach.takes("shop", "order.created", "web")
    assert reach.takes("shop", "order.shipped", None)
    assert not reach.takes("shop", "order.created", "store")
    assert not reach.takes("wms", "order.shipped", None)


def test_whole_orders() -> None:
    assert ANYTHING.channels is None
    assert Reach((Scope(channels=("web",)), Scope(channels=("shop",)))).channels == frozenset(
        {"web", "shop"}
    )
    limited = Reach((Scope(sources=("stripe",)), Scope(channels=("web",))))
    assert limited.of_whole_orders == Reach((Scope(channels=("web",)),))
    assert limited.channels == frozenset({"web"})
    assert Reach((Scope(types=("order.created",)),)).of_whole_orders == NOTHING


@given(REACHES, REACHES, EVENTS)
def test_what_is_within_covers_no_more(
    one: Reach, other: Reach, event: tuple[str, str, str | None]
) -> None:
    if one.within(other) and one.covers(*event):
        assert other.covers(*event)
        assert one.personal(*event) <= other.personal(*event)


@given(REACHES)
def test_everything_holds_all_and_each_holds_itself(reach: Reach) -> None:
    assert reach.within(ANYTHING)
    assert reach.within(reach)
    assert ANYTHING.within(reach) is (EVERYTHING in reach.scopes)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("email", "contact"),
        ("line2", "address"),
        ("signed_by", "name"),
        ("user_agent", "network"),
        ("iban", "financial"),
        ("note", "text"),
        ("favourite_colour", "other"),
        ("0", "other"),
    ],
)
def test_classes_of_personal_data(name: str, kind: str) -> None:
    assert personal_class(name) == kind
