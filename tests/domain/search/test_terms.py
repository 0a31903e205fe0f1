"""Which terms an event has."""

from __future__ import annotations

from typing import Any

import pytest

from domain.search.fields import FIELDS
from domain.search.terms import (
    MOST_EXACT,
    MOST_TERMS,
    Term,
    pair_value,
    personal_terms,
    said_by,
    values_at,
)

SEALED = {"_sd": "digest"}


def of(payload: dict[str, Any], metadata: dict[str, Any] | None = None) -> set[Term]:
    return set(said_by("order.note.added", "web-shop", "Ord-1", payload, metadata).terms())


def values(kind: str, payload: dict[str, Any]) -> set[str]:
    return {value for one, _, value in of(payload) - of({}) if one == kind}


def test_every_event_has_the_words_of_its_type_and_source_and_its_order() -> None:
    words: set[Term] = {("word", "", word) for word in ("order", "note", "added", "web", "shop")}
    assert of({}) == words | {("ident", "", "ord-1")}


def test_an_event_of_no_order_has_no_order() -> None:
    said = said_by("history.made", "x", None, {}, None)
    assert {kind for kind, _, _ in said.terms()} == {"word"}


def test_strings_anywhere_give_words() -> None:
    payload = {"a": "Große Poster", "b": {"c": ["red lamp", {"d": "blue"}, None, ["deep"]]}}
    assert values("word", payload) == {"grosse", "poster", "red", "lamp", "blue", "deep"}


def test_personal_values_give_no_words() -> None:
    assert of({"note": SEALED, "customer": {"email": SEALED}, "list": [SEALED]}) == of({})


@pytest.mark.parametrize("name", ["shipped_at", "promised_delivery_at"])
def test_times_give_no_words(name: str) -> None:
    assert values("word", {name: "2025-01-05T00:00:00.000Z"}) == set()


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        ({"number": "MAG-1"}, "mag-1"),
        ({"number": 4711}, "4711"),
        ({"tracking_number": " 1Z "}, "1z"),
        ({"items": [{"sku": "SKU-1"}]}, "sku-1"),
        ({"rma": "R-1"}, "r-1"),
        ({"payment_id": "pay_1"}, "pay_1"),
        ({"deep": {"shipment_id": "S"}}, "s"),
        ({"shipment_id": ["S", {"lot": "x"}]}, "s"),
        ({"customer": {"id": "C-1"}}, "c-1"),
    ],
)
def test_identifiers_are_identifiers_and_no_words(payload: dict[str, Any], found: str) -> None:
    assert values("ident", payload) == {found}
    assert values("word", payload) <= {"x"}


@pytest.mark.parametrize(
    "payload",
    [
        {"id": "a"},
        {"item": {"id": "a"}},
        {"payment_id": None},
        {"payment_id": True},
        {"payment_id": 1.5},
        {"payment_id": SEALED},
        {"payment_id": "x" * 201},
        {"payment_id": " "},
    ],
)
def test_what_is_no_identifier(payload: dict[str, Any]) -> None:
    assert values("ident", payload) == set()


def test_fields_have_their_values() -> None:
    payload = {"gateway": "Stripe", "total_minor": 5, "void": False, "items": [{"qty": 1}]}
    assert of(payload) - of({}) == {
        ("word", "", "stripe"),
        ("exists", "payload.gateway", ""),
        ("pair", "payload.gateway", '"Stripe"'),
        ("exists", "payload.total_minor", ""),
        ("pair", "payload.total_minor", "5"),
        ("exists", "payload.void", ""),
        ("pair", "payload.void", "false"),
        ("exists", "payload.items.qty", ""),
        ("pair", "payload.items.qty", "1"),
    }


def test_a_field_in_lists_has_each_of_their_values() -> None:
    payload = {"items": [{"name": "Lamp"}, {"name": "Rug"}], "gateway": ["a", ["b"]]}
    assert values("pair", payload) == {'"Lamp"', '"Rug"', '"a"', '"b"'}


@pytest.mark.parametrize("value", [None, {}, [], {"x": None}, SEALED, [None]])
def test_what_is_no_value_does_not_exist(value: object) -> None:
    assert values("exists", {"gateway": value}) == set()


def test_a_value_above_a_field_is_none_of_it() -> None:
    assert values("exists", {"items": "three", "before": 3}) == set()


def test_numbers_are_compared_by_value_and_are_no_booleans() -> None:
    field = FIELDS["payload.weight_g"]
    assert pair_value(field, 1.0) == pair_value(field, 1) != pair_value(field, True)


def test_times_are_compared_as_moments() -> None:
    field = FIELDS["payload.promised_delivery_at"]
    assert pair_value(field, "1970-01-01T01:00:00+01:00") == pair_value(field, 0) == "0"
    payload = {"promised_delivery_at": "soon"}
    assert values("pair", payload) == set()
    assert of(payload) - of({}) == {("exists", "payload.promised_delivery_at", "")}


def test_of_metadata_only_the_fields_are_indexed() -> None:
    metadata = {"correlation_id": "C 1", "sent_by": "web", "causation_id": {"_sd": "x"}}
    assert of({}, metadata) - of({}) == {
        ("exists", "metadata.correlation_id", ""),
        ("pair", "metadata.correlation_id", '"C 1"'),
    }


def test_of_too_many_terms_words_are_left_out_the_last_first() -> None:
    many = " ".join(f"w{number}" for number in range(3 * MOST_TERMS))
    terms = of({"a": "first", "b": many, "gateway": "z", "rma": "r"})
    assert len(terms) == MOST_TERMS
    assert {("word", "", "first"), ("word", "", "w0"), ("ident", "", "r")} < terms
    assert ("pair", "payload.gateway", '"z"') in terms
    assert ("word", "", "z") not in terms


def test_of_a_very_long_order_every_item_is_a_term() -> None:
    items = [{"sku": f"sku-{n:04}", "qty": n} for n in range(MOST_TERMS)]
    terms = of({"a": "first", "items": items})
    assert ("ident", "", f"sku-{MOST_TERMS - 1:04}") in terms
    assert ("pair", "payload.items.qty", str(MOST_TERMS - 1)) in terms
    assert ("word", "", "first") not in terms


def test_a_list_of_very_many_numbers_is_cut() -> None:
    terms = of({"items": [{"qty": list(range(2 * MOST_EXACT))}]})
    assert len(terms) == MOST_EXACT


def test_disclosed_addresses_and_numbers_are_terms() -> None:
    sealed = [("email", "1"), ("contact", "2"), ("phone", "3"), ("note", "4"), ("phone", "gone")]
    disclosed = {
        "1": "A@Example.org",
        "2": "b@example.org",
        "3": "+1-555-0191",
        "4": "call 555 019 1234 or c@example.org please",
        "another's": "d@example.org",
    }
    assert personal_terms(sealed, disclosed) == {
        ("email", "", "a@example.org"),
        ("email", "", "b@example.org"),
        ("phone", "", "15550191"),
    }


def test_a_personal_object_is_searched_for_them() -> None:
    value = {"mail": ["a@example.org"], "phone": 5550191, "age": 5550192, "phones": True}
    assert personal_terms([("party", "1")], {"1": value}) == {
        ("email", "", "a@example.org"),
        ("phone", "", "5550191"),
    }


def test_the_payloads_personal_values_are_told_and_no_others() -> None:
    payload = {"customer": {"email": {"_sd": "1"}}, "notes": [{"_sd": "2"}]}
    metadata = {"ip": {"_sd": "3"}, "correlation_id": {"_sd": "4"}}
    assert said_by("t", "s", None, payload, metadata).sealed == [("email", "1"), ("notes", "2")]


def test_values_at_a_path() -> None:
    body = {"items": [{"sku": "a"}, [{"sku": ["b", None]}], {"sku": {"c": 1}}, {}, "sku"]}
    assert list(values_at(body, ("items", "sku"))) == ["a", "b"]
