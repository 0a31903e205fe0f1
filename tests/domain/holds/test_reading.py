"""A hold as it is asked for. What is refused, the bad bodies of the journey show."""

from __future__ import annotations

import pytest

from domain.errors import Invalid
from domain.holds.holds import Asked, Target
from domain.holds.reading import question_of, read_hold
from domain.search.fields import FIELDS
from domain.search.query import Any, Match, Words

NOW = 1_750_000_000_000_000


def test_an_order_until_it_is_released() -> None:
    body = {"target": "order", "target_id": "ord_1", "case_id": "case_1", "expires_at": None}
    assert read_hold(body, NOW) == Asked(Target("order", "ord_1"), "case_1")
    assert question_of(Target("order", "ord_1")) is None


def test_a_query_until_a_time() -> None:
    body = {
        "target": "query", "query": {"text": "Lost"}, "case_id": "c", "reason": "why",
        "expires_at": "2030-01-01T01:00:00+01:00",
    }  # fmt: skip
    asked = read_hold(body, NOW)
    assert asked.target == Target("query", query=b'{"text":"Lost"}')
    assert (asked.reason, asked.expires_us) == ("why", 1_893_456_000_000_000)
    assert question_of(asked.target) == Words(("lost",))


def test_a_subject_is_asked_for_in_every_way() -> None:
    fields = ("order.customer_id", "payload.customer_id", "payload.customer.id", "actor_id")
    assert question_of(Target("subject", "cust_1")) == Any(
        tuple(Match(FIELDS[name], "eq", "cust_1") for name in fields)
    )


def test_a_time_must_be_to_come() -> None:
    body = {
        "target": "order",
        "target_id": "o",
        "case_id": "c",
        "expires_at": "2025-06-15T15:06:40Z",
    }
    with pytest.raises(Invalid, match="time to come"):
        read_hold(body, NOW)
    assert read_hold(body, NOW - 1).expires_us == NOW


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        read_hold({"target": "query", "reason": 5, "expires_at": "x", "query": {"text": ""}}, NOW)
    told = {error.pointer for error in refused.value.errors}
    assert told == {"/query/text", "/case_id", "/reason", "/expires_at"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"case_id": "  "}, "/case_id"),
        ({"case_id": "\u200b"}, "/case_id"),
        ({"case_id": "a\nb"}, "/case_id"),
        ({"case_id": "of kim\uff20example.org"}, "/case_id"),
        ({"target_id": "kim\uff20example.org"}, "/target_id"),
        ({"reason": " \n"}, "/reason"),
    ],
)
def test_what_stands_on_the_ledger_says_something_and_no_address(
    change: dict[str, str], pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        read_hold({"target": "order", "target_id": "o", "case_id": "c", **change}, NOW)
    assert [one.pointer for one in refused.value.errors] == [pointer]
