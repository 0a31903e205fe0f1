"""Which values are a person's, in an order that is somebody else's."""

from __future__ import annotations

from typing import Any

import pytest

from domain.erasure.places import Named, Value, every, is_customer, mentions, placeholders

ADDRESS = "ann@example.org"
HOME = {"name": "Ann", "line1": "12 Rowan Walk", "city": "Eastmere"}


def sealed(value: Any, path: str, disclosed: dict[str, Any]) -> Any:
    """The value with a placeholder for each string in it."""
    if isinstance(value, dict):
        return {key: sealed(one, f"{path}/{key}", disclosed) for key, one in value.items()}
    if isinstance(value, list):
        return [sealed(one, f"{path}/{at}", disclosed) for at, one in enumerate(value)]
    if isinstance(value, str) and not path.endswith("/field"):
        disclosed[path] = value
        return {"_sd": path}
    return value


def event(payload: dict[str, Any]) -> list[Value]:
    disclosed: dict[str, Any] = {}
    body = sealed(payload, "/payload", disclosed)
    return every(body, "payload", disclosed)


def theirs(*payloads: dict[str, Any]) -> list[list[str]]:
    events, named = [event(payload) for payload in payloads], Named(ADDRESS)
    for values in events:
        named.look(values)
    return [[one.pointer for one in named.of(values)] for values in events]


def test_where_values_stand() -> None:
    values = event({"customer": {"email": ADDRESS}, "notes": ["a", {"b": "c"}]})
    assert [one.pointer for one in values] == [
        "/payload/customer/email", "/payload/notes/0", "/payload/notes/1/b",
    ]  # fmt: skip
    assert [one.digest for one in values] == [one.pointer for one in values]


def test_what_is_disclosed_no_more_is_a_place_without_a_value() -> None:
    (one,) = every({"note": {"_sd": "x"}}, "payload", {})
    assert (one.pointer, one.digest, one.value) == ("/payload/note", "x", None)
    assert placeholders({"payload": {"note": {"_sd": "x"}}}) == {"/payload/note": "x"}


@pytest.mark.parametrize(
    ("payload", "is_so"),
    [
        ({"customer": {"email": ADDRESS}}, True),
        ({"email": "Ann@Example.org "}, True),
        ({"before": {"customer": {"email": ADDRESS}}}, True),
        ({"shipping_address": {"email": ADDRESS}}, False),
        ({"note": f"write to {ADDRESS}"}, False),
        ({"customer": {"email": "joann@example.org"}}, False),
    ],
)
def test_whose_order_it_is(payload: dict[str, Any], *, is_so: bool) -> None:
    assert is_customer([event(payload)], ADDRESS) is is_so


def test_the_object_around_the_address_is_theirs_and_no_other() -> None:
    payload = {
        "customer": {"name": "Ben", "email": "ben@example.org"},
        "shipping_address": {**HOME, "email": ADDRESS},
        "billing_address": {"name": "Ben", "city": "Eastmere"},
    }
    assert theirs(payload) == [
        [f"/payload/shipping_address/{name}" for name in ("name", "line1", "city", "email")]
    ]


def test_the_same_object_in_other_events_is_theirs_if_it_tells_of_them() -> None:
    first = {"shipping_address": {**HOME, "email": ADDRESS}}
    other = {"shipping_address": {"name": "Ben", "line1": "3 Elm Row", "city": "Eastmere"}}
    assert theirs(first, {"shipping_address": HOME}, other)[1:] == [
        [f"/payload/shipping_address/{name}" for name in ("name", "line1", "city")],
        [],
    ]


def test_a_change_of_it_is_theirs_on_the_side_that_is() -> None:
    first = {"shipping_address": {**HOME, "email": ADDRESS}}
    change = {
        "field": "shipping_address", "before": HOME, "after": {"name": "Ben", "line1": "3 Elm Row"},
    }  # fmt: skip
    assert theirs(first, change)[1] == [f"/payload/before/{name}" for name in HOME]
    assert theirs(first, {**change, "field": "billing_address"})[1] == []
    assert theirs(first, {"patch": {"shipping_address": HOME}})[1] == [
        f"/payload/patch/shipping_address/{name}" for name in HOME
    ]


def test_a_text_that_holds_the_address_goes_by_itself() -> None:
    assert theirs({"note": f"mail {ADDRESS.upper()}!", "reason": "late"}) == [["/payload/note"]]


def test_a_name_alone_tells_of_nobody() -> None:
    assert theirs({"shipping_address": HOME}) == [[]]


@pytest.mark.parametrize(
    ("text", "name", "does"),
    [
        ("mail ann@example.org.", ADDRESS, True),
        ('{"email":"ANN@example.org"}', ADDRESS, True),
        ("<ann@example.org>", ADDRESS, True),
        ("joann@example.org", ADDRESS, False),
        ("'ann@example.org'", ADDRESS, True),
        ("mailto:ann@example.org?x", ADDRESS, True),
        ("x.ann@example.org", ADDRESS, False),
        ("x+ann@example.org", ADDRESS, False),
        ("ann@example.org.uk", ADDRESS, False),
        ("ann@example.organic", ADDRESS, False),
        ('"customer_id":"cust_1"', "cust_1", True),
        ('"customer_id":"cust_12"', "cust_1", False),
        ('"customer_id":"old-cust_1"', "cust_1", False),
        ("a.b", "a*b", False),
    ],
)
def test_a_part_of_a_longer_name_is_somebody_else(text: str, name: str, *, does: bool) -> None:
    assert mentions(text, name) is does
