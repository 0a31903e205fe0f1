"""What of a question becomes SQL, and what is left to decide."""

from __future__ import annotations

import re
from typing import Any

import pytest

from domain.search.reading import read_query
from projections.search.conditions import Condition, compile_query
from tests.projections.indexing import HASHES


def compiled(query: dict[str, Any], **found: list[str]) -> Condition:
    return compile_query(read_query(query, "/query", personal=True), "acme", HASHES, found)


def field(name: str, **ops: Any) -> dict[str, Any]:
    return {"field": name, **ops}


def test_values_are_bound_and_never_in_the_text() -> None:
    nasty = "x'); drop table orders; --"
    for query in (
        field("type", eq=nasty),
        field("source", prefix=nasty),
        field("order.status", **{"in": [nasty]}),
        field("payload.gateway", gt=nasty),
        {"ident": nasty, "exact": True},
        {"text": nasty},
    ):
        condition = compiled(query)
        assert "drop" not in condition.sql
        assert "%(q0)s" in condition.sql


def test_terms_are_hashed_for_the_tenant() -> None:
    condition = compiled({"text": "Blue shirt"})
    assert condition.sql == "e.terms @> %(q0)s::bigint[]"
    assert condition.parameters["q0"] == [HASHES.word("acme", "blue"), HASHES.word("acme", "shirt")]
    assert condition.termed
    assert condition.decide is None


def test_a_part_of_an_identifier_stands_for_those_that_have_it() -> None:
    condition = compiled({"ident": "ORD"}, ord=["ord-1", "ord-2"])
    assert condition.parameters["q0"] == [
        HASHES.ident("acme", "ord-1"),
        HASHES.ident("acme", "ord-2"),
    ]
    assert compiled({"ident": "ord"}, ord=[]).sql == "false"
    email = compiled({"ident": "a@b.de", "exact": True})
    assert email.parameters["q0"] == [
        HASHES.ident("acme", "a@b.de"),
        HASHES.email("acme", "a@b.de"),
    ]


@pytest.mark.parametrize(
    ("asked", "term"),
    [
        ("Ann@Example.org", HASHES.email("acme", "ann@example.org")),
        ("001 555 0191", HASHES.phone("acme", "15550191")),
    ],
)
def test_an_address_or_a_number_is_looked_for_whole(asked: str, term: int) -> None:
    condition = compiled({"ident": asked}, **{asked.casefold(): []})
    assert condition.sql == "e.terms && %(q0)s::bigint[]"
    assert condition.parameters["q0"] == [term]


def test_null_is_not_true_and_its_opposite_is() -> None:
    assert compiled({"not": field("actor_id", eq="a")}).sql == "(actor_id = %(q0)s) is not true"
    twice = compiled({"not": {"not": field("actor_id", eq="a")}})
    assert twice.sql == "actor_id = %(q0)s"


def test_a_not_goes_down_to_its_leaves() -> None:
    condition = compiled({"not": {"all": [field("type", eq="a"), field("source", eq="b")]}})
    assert condition.sql == "((type = %(q0)s) is not true or (source = %(q1)s) is not true)"
    condition = compiled({"not": {"any": [field("type", eq="a"), field("source", eq="b")]}})
    assert condition.sql == "((type = %(q0)s) is not true and (source = %(q1)s) is not true)"
    assert compiled({"all": []}).sql == "true"
    assert compiled({"not": {"all": []}}).sql == "false"


def test_one_look_at_the_order_for_all_that_is_asked_of_it() -> None:
    condition = compiled(
        {"all": [field("order.status", eq="paid"), field("order.total_minor", gte=5)]}
    )
    assert condition.sql.count("exists (select from orders") == 1
    absent = compiled(field("order.status", exists=False))
    assert absent.sql.startswith("not exists (select from orders")


def test_what_has_no_actor_is_found_by_an_index() -> None:
    assert compiled(field("actor_id", exists=False)).sql == "actor_id is null"
    assert compiled(field("actor_id", exists=True)).sql == "actor_id is not null"


QTY = field("payload.items.qty", gt=3)
FEW = {"payload": {"items": [{"qty": 2}]}, "metadata": None}
MANY = {"payload": {"items": [{"qty": 2}, {"qty": 4}]}, "metadata": None}


def test_what_sql_cannot_tell_is_left() -> None:
    condition = compiled(QTY)
    assert condition.sql == "e.terms @> %(q0)s::bigint[]"  # it has a quantity
    assert condition.decide is not None
    assert condition.decide((), MANY)
    assert not condition.decide((), FEW)
    with_words = compiled({"all": [{"text": "blue"}, QTY]})
    assert with_words.known == ()  # the words are decided
    assert with_words.decide is not None
    assert with_words.decide((), MANY)


def test_beside_an_or_the_rest_is_asked_for() -> None:
    condition = compiled({"any": [{"text": "blue"}, QTY]})
    assert condition.sql == "(e.terms @> %(q0)s::bigint[] or e.terms @> %(q1)s::bigint[])"
    assert condition.known == ("e.terms @> %(q0)s::bigint[]",)
    assert condition.decide is not None
    told = [condition.decide((said,), body) for said in (True, False) for body in (FEW, MANY)]
    assert told == [True, True, False, True]


def test_the_opposite_of_what_is_left_narrows_nothing() -> None:
    condition = compiled({"not": QTY})
    assert condition.sql == "true"
    assert not condition.termed
    assert condition.decide is not None
    assert [condition.decide((), body) for body in (FEW, MANY)] == [True, False]
    mixed = compiled({"not": {"any": [QTY, {"text": "blue"}]}})
    assert mixed.sql == "((e.terms @> %(q1)s::bigint[]) is not true)"
    assert mixed.decide is not None
    assert [mixed.decide((said,), FEW) for said in (True, False)] == [False, True]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_parts_that_are_left_are_put_together(first: bool, second: bool) -> None:
    one, other = field("payload.before.qty", gt=0), field("payload.after.qty", gt=0)
    body = {"payload": {"before": {"qty": int(first)}, "after": {"qty": int(second)}}}

    def decided(query: dict[str, Any]) -> bool:
        decide = compiled(query).decide
        assert decide is not None
        return decide((), body)

    assert decided({"all": [one, other]}) is (first and second)
    assert decided({"any": [one, other]}) is (first or second)
    assert decided({"any": [one]}) is first
    assert decided({"not": one}) is not first
    assert decided({"not": {"all": [one, other]}}) is not (first and second)
    assert decided({"not": {"any": [one, other]}}) is not (first or second)


@pytest.mark.parametrize(
    ("query", "termed"),
    [
        ({"text": "x"}, True),
        (field("payload.gateway", eq="x"), True),
        (field("payload.gateway", exists=False), False),
        (field("payload.amount_minor", eq=5), True),
        (field("payload.amount_minor", gt=5), False),
        (field("type", eq="x"), False),
        ({"all": [field("type", eq="x"), {"text": "x"}]}, True),
        ({"any": [field("type", eq="x"), {"text": "x"}]}, False),
        ({"any": [{"text": "y"}, {"text": "x"}]}, True),
        ({"not": {"text": "x"}}, False),
    ],
)
def test_which_questions_the_index_of_terms_serves(query: dict[str, Any], termed: bool) -> None:
    assert compiled(query).termed is termed


def test_bounds_of_time_are_known() -> None:
    bounds = field("occurred_at", gte="2025-01-01T00:00:00Z", lt="2025-02-01T00:00:00Z")
    condition = compiled({"all": [{"text": "x"}, {"all": [bounds]}]})
    assert condition.within == ("occurred_us >= %(q1)s", "occurred_us < %(q2)s")
    assert compiled({"any": [{"text": "x"}, bounds]}).within == ()


def test_what_holds_of_the_order_of_every_such_event() -> None:
    condition = compiled(
        {
            "all": [
                {"text": "x"},
                field("order.status", eq="paid"),
                {"all": [field("order_id", eq="o"), field("order.number", exists=False)]},
                field("occurred_at", gte="2025-01-01T00:00:00Z", lt="2025-02-01T00:00:00Z"),
                {"any": [field("order.channel", eq="web"), {"text": "y"}]},
                {"not": field("order.currency", eq="EUR")},
            ]
        }
    )
    told = [re.sub(r"%\(q\d+\)s", "?", one) for one in condition.of_order]
    assert told == [
        "status = ?",
        "order_id = ?",
        "number is null",
        "last_us >= ?",
        "first_us <= ?",
    ]
    assert compiled({"any": [field("order.status", eq="paid")]}).of_order == ()


def test_text_is_compared_by_code_point() -> None:
    assert compiled(field("source", lt="b")).sql == 'source < %(q0)s collate "C"'


def test_many_terms_are_wide() -> None:
    values = [f"v{n}" for n in range(100)]
    assert compiled(field("payload.gateway", **{"in": values})).wide
    assert not compiled({"text": "a b c"}).wide
