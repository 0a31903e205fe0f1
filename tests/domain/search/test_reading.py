"""Queries: how each is read, and where a bad one is refused."""

from __future__ import annotations

from typing import Any as Json

import pytest

from domain.privacy.classify import always_personal
from domain.search.fields import FIELDS, Field
from domain.search.query import All, Any, Ident, Match, Node, Not, Words
from domain.search.reading import OPS
from domain.search.values import MAX_STRING, MAX_TEXT, MAX_VALUES, MAX_WORDS
from tests.domain.search.asked import TEXT, read, wrong

TYPE = FIELDS["type"]
AMOUNT = FIELDS["payload.amount_minor"]
CARRIER = FIELDS["payload.carrier"]


@pytest.mark.parametrize(
    ("value", "node"),
    [
        ({"text": "Late  PARCEL, late!"}, Words(("late", "parcel"))),
        ({"text": "ﬁne"}, Words(("fine",))),
        ({"ident": " 1Z999 "}, Ident("1z999")),
        ({"ident": "7", "exact": True}, Ident("7", exact=True)),
        ({"ident": "abc", "exact": False}, Ident("abc")),
        ({"ident": "Ann@Example.ORG"}, Ident("ann@example.org", email="ann@example.org")),
        ({"ident": "+1 (555) 0191"}, Ident("+1 (555) 0191", phone="15550191")),
        ({"ident": "ORD-2025-123456"}, Ident("ord-2025-123456")),
        ({"field": "type", "eq": "order.created"}, Match(TYPE, "eq", "order.created")),
        ({"field": "type", "eq": ""}, Match(TYPE, "eq", "")),
        ({"field": "type", "prefix": "order."}, Match(TYPE, "prefix", "order.")),
        ({"field": "payload.carrier", "exists": False}, Match(CARRIER, "exists", False)),
        (
            {"field": "payload.amount_minor", "in": [5, 2**53 - 1]},
            Match(AMOUNT, "in", (5, 2**53 - 1)),
        ),
        (
            {"field": "payload.amount_minor", "lt": 20, "gte": 10},
            All((Match(AMOUNT, "gte", 10), Match(AMOUNT, "lt", 20))),
        ),
        (
            {"field": "occurred_at", "gt": "1970-01-01T01:00:00.5+01:00"},
            Match(FIELDS["occurred_at"], "gt", 500_000),
        ),
        (
            {"field": "order.on_hold", "eq": True},
            Match(FIELDS["order.on_hold"], "eq", True),
        ),
        (
            {"field": "payload.risk_score", "gte": 0.5},
            Match(FIELDS["payload.risk_score"], "gte", 0.5),
        ),
        (
            {"field": "payload.risk_score", "in": [1, True, "high"]},
            Match(FIELDS["payload.risk_score"], "in", (1, True, "high")),
        ),
        ({"all": []}, All(())),
        ({"all": [TEXT]}, All((Words(("late", "parcel")),))),
        ({"any": [TEXT]}, Any((Words(("late", "parcel")),))),
        ({"not": TEXT}, Not(Words(("late", "parcel")))),
    ],
)
def test_a_query_is_read(value: Json, node: Node) -> None:
    assert read(value) == node


def test_who_may_not_see_personal_data_does_not_look_for_a_person() -> None:
    assert read({"ident": "ann@example.org"}, personal=False) == Ident("ann@example.org")
    assert read({"ident": "555-0191-22"}, personal=False) == Ident("555-0191-22")


@pytest.mark.parametrize(
    ("value", "pointer", "detail"),
    [
        (None, "", "must be an object"),
        ([TEXT], "", "must be an object"),
        ("late", "", "must be an object"),
        ({}, "", "needs one of text, ident, field, all, any, not"),
        ({"eq": 1}, "", "needs one of text, ident, field, all, any, not"),
        ({"feild": "type", "eq": "x"}, "/feild", "did you mean field?"),
        ({"txt": "a"}, "/txt", "did you mean text?"),
        ({"text": "a", "ident": "abc"}, "", "has text and ident"),
        ({"text": "a", "exact": True}, "/exact", "is not a field of a query with 'text'"),
        ({"field": "type", "equals": "x"}, "/equals", "is not a field"),
        ({"field": "type", "prefx": "x"}, "/prefx", "did you mean prefix?"),
        ({"all": [TEXT], "exact": 1}, "/exact", "is not a field of a query with 'all'"),
        ({"text": 5}, "/text", "must be a string"),
        ({"text": ""}, "/text", "has no word"),
        ({"text": " … _ "}, "/text", "has no word"),
        ({"text": "a" * (MAX_TEXT + 1)}, "/text", f"at most {MAX_TEXT} characters"),
        (
            {"text": " ".join(map(str, range(MAX_WORDS + 1)))},
            "/text",
            f"at most {MAX_WORDS} different words",
        ),
        ({"text": "a\0b"}, "/text", "must not hold U+0000"),
        ({"ident": 12345}, "/ident", "must be a string"),
        ({"ident": ""}, "/ident", "must have 1 to 200 characters"),
        ({"ident": "\u00a0 "}, "/ident", "must have 1 to 200 characters"),
        ({"ident": "ﷺ" * 20}, "/ident", "must have 1 to 200 characters"),
        ({"ident": "x" * (MAX_STRING + 1)}, "/ident", f"at most {MAX_STRING} characters"),
        ({"ident": "ab"}, "/ident", '3 characters or more, or "exact": true'),
        ({"ident": "abc", "exact": 1}, "/exact", "must be true or false"),
        ({"field": 5, "eq": 1}, "/field", "must be a string"),
        ({"field": "typ", "eq": "x"}, "/field", "did you mean 'type'?"),
        ({"field": "amount_minor", "eq": 1}, "/field", "did you mean 'payload.amount_minor'?"),
        ({"field": "payload", "eq": 1}, "/field", "is no path"),
        ({"field": "payload..a", "eq": 1}, "/field", "is no path"),
        ({"field": "payload." + ".".join("a" * 17), "eq": 1}, "/field", "is no path"),
        ({"field": "payload.\0", "eq": 1}, "/field", "must not hold U+0000"),
        ({"field": "type"}, "", "needs one of eq, in, prefix, gt, gte, lt, lte, exists"),
        ({"field": "type", "eq": 5}, "/eq", "must be a string"),
        ({"field": "type", "eq": None}, "/eq", "exists: false"),
        ({"field": "type", "eq": "x" * (MAX_STRING + 1)}, "/eq", f"at most {MAX_STRING}"),
        ({"field": "type", "eq": "\0"}, "/eq", "must not hold U+0000"),
        ({"field": "type", "exists": 1}, "/exists", "must be true or false"),
        ({"field": "type", "in": "x"}, "/in", f"must be a list of 1 to {MAX_VALUES} values"),
        ({"field": "type", "in": []}, "/in", f"must be a list of 1 to {MAX_VALUES} values"),
        (
            {"field": "type", "in": ["x"] * (MAX_VALUES + 1)},
            "/in",
            f"must be a list of 1 to {MAX_VALUES} values",
        ),
        ({"field": "type", "in": ["x", 5]}, "/in/1", "must be a string"),
        ({"field": "sequence", "eq": "5"}, "/eq", "must be a whole number"),
        ({"field": "sequence", "eq": 5.5}, "/eq", "must be a whole number"),
        ({"field": "sequence", "eq": True}, "/eq", "must be a whole number"),
        ({"field": "sequence", "lt": 2**53}, "/lt", "must be within ±(2^53-1)"),
        ({"field": "sequence", "gt": -(2**53)}, "/gt", "must be within ±(2^53-1)"),
        ({"field": "sequence", "prefix": "5"}, "/prefix", "is not for sequence, which takes eq"),
        ({"field": "occurred_at", "gte": 5}, "/gte", "an RFC 3339 time"),
        ({"field": "occurred_at", "gte": "2025-01-01"}, "/gte", "is not an RFC 3339 time"),
        ({"field": "occurred_at", "gte": "2025-02-30T00:00:00Z"}, "/gte", "not a time that exists"),
        ({"field": "order.on_hold", "eq": "true"}, "/eq", "must be true or false"),
        ({"field": "order.on_hold", "gt": True}, "/gt", "is not for order.on_hold"),
        ({"field": "payload.risk_score", "eq": [1]}, "/eq", "a number, or true or false"),
        ({"field": "payload.risk_score", "eq": 2**60}, "/eq", "must be within ±(2^53-1)"),
        ({"field": "payload.risk_score", "gt": True}, "/gt", "must be a string or a number"),
        ({"field": "payload.risk_score", "gt": float("nan")}, "/gt", "must be within"),
        ({"field": "payload.risk_score", "in": [1e300]}, "/in/0", "must be within ±(2^53-1)"),
        ({"field": "payload.risk_score", "prefix": 5}, "/prefix", "must be a string"),
        ({"all": TEXT}, "/all", "must be a list of queries"),
        ({"any": []}, "/any", "must have at least one part"),
        ({"not": []}, "/not", "must be an object"),
        ({"all": [{"any": [TEXT, 5]}]}, "/all/0/any/1", "must be an object"),
        ({"not": {"all": [{"text": ""}]}}, "/not/all/0/text", "has no word"),
    ],
)
def test_a_bad_query_is_refused_where_it_is_bad(value: Json, pointer: str, detail: str) -> None:
    found = wrong(value)
    assert list(found) == [f"/query{pointer}"]
    assert detail in found[f"/query{pointer}"]


def test_everything_wrong_is_told_at_once() -> None:
    assert wrong(
        {
            "all": [
                {"field": "sequence", "gte": "1", "lt": None, "lte": 5.5, "equal": 1},
                {"field": "nothing"},
                {"ident": "a", "exact": "no"},
                {"any": [{"text": ""}, {"not": {}}]},
            ]
        }
    ).keys() == {
        "/query/all/0/gte",
        "/query/all/0/lt",
        "/query/all/0/lte",
        "/query/all/0/equal",
        "/query/all/1/field",
        "/query/all/1",
        "/query/all/2/ident",
        "/query/all/2/exact",
        "/query/all/3/any/0/text",
        "/query/all/3/any/1/not",
    }


@pytest.mark.parametrize(
    "name",
    [
        "payload.customer.email",
        "payload.customer.name",
        "payload.note",
        "payload.note.text",
        "payload.billing_address.before.name",
        "payload.contacts.phone",
        "metadata.ip",
    ],
)
def test_a_personal_field_is_refused(name: str) -> None:
    assert wrong({"all": [TEXT, {"field": name, "exists": True}]}) == {
        "/query/all/1/field": "is personal: look for an email address or a telephone number"
        " with ident"
    }


def test_no_field_of_the_registry_is_personal() -> None:
    assert not [field.name for field in FIELDS.values() if always_personal(field.path)]


@pytest.mark.parametrize("bad", ["ann@example.org", "4111 1111 1111 1111", "a\0b"])
def test_what_may_be_personal_is_not_repeated(bad: str) -> None:
    for value in (
        {bad: 1},
        {"text": "a", bad: 1},
        {"field": bad, "eq": 1},
        {"field": f"payload.{bad}", "eq": 1},
        {"field": "sequence", "eq": bad},
        {"field": "occurred_at", "in": [bad]},
        {"ident": "\0" + bad},
    ):
        assert bad not in repr(wrong(value))


def conditions(field: Field) -> list[dict[str, Json]]:
    """One condition with each operator that the field takes."""
    value: Json = {
        "text": "x",
        "any": "x",
        "integer": 5,
        "boolean": True,
        "time": "2025-01-01T00:00:00Z",
    }[field.kind]
    values = {"in": [value], "exists": True}
    return [{"field": field.name, op: values.get(op, value)} for op in OPS[field.kind]]


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_every_field_takes_its_operators(field: Field) -> None:
    for condition in conditions(field):
        found = read(condition)
        assert isinstance(found, Match)
        assert found.field is field
