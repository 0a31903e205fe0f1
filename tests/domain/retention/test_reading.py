"""What a policy may say, and all that is wrong with one told at once."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import Invalid
from domain.retention.policies import Rule
from domain.retention.reading import read_change, read_rule
from tests.domain.retention.made import BODY, RULE, rule, snapshots

CARD = "4111 1111 1111 1111"


def without(*names: str, **changed: Any) -> dict[str, Any]:
    return {name: one for name, one in {**BODY, **changed}.items() if name not in names}


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (BODY, RULE),
        (without("counted_from", "duty", "enabled"), RULE),
        (without(counted_from="received_at"), rule(counted_from="received_at")),
        (without(event_types=["*", "order.x", "*"]), rule(event_types=("*", "order.x"))),
        (without("event_types", "counted_from", applies_to="snapshots"), snapshots()),
        (
            without("event_types", applies_to="attachments", action="archive"),
            rule(applies_to="attachments", event_types=(), action="archive"),
        ),
        (without(duty=True, enabled=True), rule(duty=True, enabled=True)),
        (without(legal_basis="a\nb"), rule(legal_basis="a\nb")),
    ],
)
def test_what_is_read(body: dict[str, Any], read: Rule) -> None:
    assert read_rule(body) == read


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ([], [""]),
        ({}, ["/name", "/legal_basis", "/applies_to", "/retain_for", "/action"]),
        ({"applies_to": "events"}, ["/name", "/legal_basis", "/event_types", "/retain_for",
                                    "/action"]),
        (without(extra=1, nam="x"), ["/extra", "/nam"]),
        (without(name=""), ["/name"]),
        (without(name="x" * 101), ["/name"]),
        (without(name=7), ["/name"]),
        (without(name="ask ann@example.org"), ["/name"]),
        (without(name=CARD), ["/name"]),
        (without(legal_basis=""), ["/legal_basis"]),
        (without(legal_basis="x" * 1001), ["/legal_basis"]),
        (without(legal_basis="\0"), ["/legal_basis"]),
        (without(legal_basis="ask ann@example.org"), ["/legal_basis"]),
        (without(legal_basis=f"as for {CARD}"), ["/legal_basis"]),
        (without(applies_to="orders", action="delete"), ["/applies_to", "/action"]),
        (without(applies_to=["events"]), ["/applies_to"]),
        (without(event_types=[]), ["/event_types"]),
        (without(event_types=["order.x"] * 51), ["/event_types"]),
        (without(event_types="*"), ["/event_types"]),
        (without(event_types=["order.x", "x", 7, "history.*", "a@b.example.org"]),
         ["/event_types/1", "/event_types/2", "/event_types/3", "/event_types/4",
          "/event_types/4"]),
        (without(event_types=[["order.x"]]), ["/event_types/0"]),
        (without(applies_to="snapshots"), ["/event_types", "/counted_from"]),
        (without(counted_from="now"), ["/counted_from"]),
        (without(counted_from=["occurred_at"]), ["/counted_from"]),
        (without(retain_for="7 years"), ["/retain_for"]),
        (without(retain_for="P101Y"), ["/retain_for"]),
        (without(retain_for=7), ["/retain_for"]),
        (without(duty="yes", enabled=1), ["/duty", "/enabled"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_once(body: Any, pointers: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        read_rule(body)
    assert [one.pointer for one in refused.value.errors] == pointers
    assert not [one for one in refused.value.errors if "4111" in one.detail]


def test_a_change_replaces_what_it_names() -> None:
    assert read_change({}, RULE) == RULE
    assert read_change({"retain_for": "P2Y"}, RULE) == rule(retain_for="P2Y")
    assert read_change({"counted_from": None}, rule(counted_from="received_at")) == RULE
    other = {"applies_to": "snapshots", "event_types": None, "counted_from": None}
    assert read_change(other, RULE) == snapshots()
    assert read_change({"enabled": None}, rule(enabled=True)) == RULE


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ("x", [""]),
        ({"name": None}, ["/name"]),
        ({"applies_to": "snapshots"}, ["/event_types", "/counted_from"]),
        ({"policy_id": "p"}, ["/policy_id"]),
    ],
)
def test_a_change_that_is_wrong(body: Any, pointers: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        read_change(body, RULE)
    assert [one.pointer for one in refused.value.errors] == pointers
