"""Payloads of any shape: what has no effect, what is nonsense, what is sealed."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from domain.orders.state import EFFECTS
from domain.orders.vocabulary import CANONICAL
from tests.domain.orders.steps import SEALED, after, changes

ITEMS = ("updated", {"items": [{"sku": "A", "qty": 1}, {"sku": "B"}]})
WITHOUT_EFFECT = {
    "order.note.added",
    "order.adjusted",
    "order.review.requested",
    "order.review.answered",
    "order.correction",
}


def test_every_canonical_type_has_an_effect_or_is_known_to_have_none() -> None:
    assert CANONICAL - EFFECTS.keys() == WITHOUT_EFFECT
    assert EFFECTS.keys() - CANONICAL == set()


@pytest.mark.parametrize("name", [*sorted(WITHOUT_EFFECT), "order.exploded", "shop.order.created"])
def test_types_without_an_effect(name: str) -> None:
    rich = {"status": "x", "to": "y", "total_minor": 5, "note": SEALED, "patch": {"to": "z"}}
    assert changes((name.removeprefix("order."), rich)) == {}


NONSENSE: tuple[Any, ...] = (None, "", "x", 0, -1, 1.5, True, [], [1, None, [2]], {}, {"a": 1})


@pytest.mark.parametrize("name", sorted(EFFECTS))
@pytest.mark.parametrize("value", [*NONSENSE, SEALED, [SEALED], {"id": SEALED}])
def test_no_payload_breaks_the_fold(name: str, value: Any) -> None:
    """A patch may leave any value in any field; what is of the wrong type is absent."""
    fields = [
        *("status", "to", "channel", "total_minor", "total_after_minor", "items", "customer"),
        *("shipping_address", "customer_id", "tracking_number", "package", "payment_id"),
        *("amount_minor", "warehouse", "weight_g", "sku", "before", "after", "field", "reason"),
        *("rma", "dispute_id", "carrier", "location"),
    ]
    state = after(
        (name.removeprefix("order."), dict.fromkeys(fields, value)),
        ("updated", {"customer": {"id": "c"}, "items": [value, {"sku": "A"}]}),
        ("item.quantity_changed", {"sku": "A", "after": {"qty": 2}}),
        (name.removeprefix("order."), {**dict.fromkeys(fields, value), "sku": "A"}),
    )
    assert type(state["captured_minor"]) is type(state["refunded_minor"]) is int
    assert all(type(key) is str for key in (*state["payments"], *state["shipments"]))
    assert state["channel"] is None or state["channel"] in ("", "x", SEALED)
    json.dumps(state)


@pytest.mark.parametrize("part", ["customer", "shipping_address"])
def test_a_sealed_part_is_replaced_whole_in_both_directions(part: str) -> None:
    plain = {"country": "DE"}
    assert after(("updated", {part: plain}), ("updated", {part: SEALED}))[part] == SEALED
    assert after(("updated", {part: SEALED}), ("updated", {part: plain}))[part] == plain
    assert after(("updated", {"items": SEALED}), ITEMS)["items"] == ITEMS[1]["items"]


def test_a_state_shares_nothing_with_payloads() -> None:
    payload = {
        "items": [{"sku": "A", "tags": ["x"]}],
        "customer": {"id": "c", "more": {"x": [1]}},
        "number": dict(SEALED),
    }
    given = copy.deepcopy(payload)
    state = after(("created", payload))
    state["items"][0]["tags"].append("y")
    state["customer"]["more"]["x"].append(2)
    state["number"]["_sd"] = "changed"
    assert payload == given
