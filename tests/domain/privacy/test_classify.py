from __future__ import annotations

from typing import Any

import pytest

from domain.privacy.classify import (
    always_personal,
    holds_email,
    personal_paths,
    personal_pointers,
)

MAIL = "ann@example.org"


def places(body: dict[str, Any], event_type: str = "order.created", **marks: Any) -> list[str]:
    return list(personal_pointers(body, None, event_type, **marks))


@pytest.mark.parametrize(
    "name",
    [
        "email",
        "first_name",
        "last_name",
        "phone",
        "line1",
        "line2",
        "address1",
        "address2",
        "street",
        "city",
        "postal_code",
        "postcode",
        "zip",
        "signed_by",
        "ip",
        "user_agent",
        "iban",
        "tax_id",
        "note",
        "reason",
        "description",
        "correction",
        "comment",
        "message",
    ],
)
def test_by_name_wherever_it_stands(name: str) -> None:
    for value in ("x", "", 0, False, ["x"], {"a": {"b": 1}}):
        body = {name: value, "a": [{name: value}], "b": {"c": {name: value}}}
        assert places(body) == [f"/payload/{p}{name}" for p in ("", "a/0/", "b/c/")]
    assert places({name: None}) == []


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"customer": {"id": "c1", "name": "Ann"}}, ["/payload/customer/name"]),
        ({"shipping_address": {"name": "Ann"}}, ["/payload/shipping_address/name"]),
        ({"address": {"name": "Ann", "country": "FR", "region": "IDF"}}, ["/payload/address/name"]),
        ({"addresses": [{"name": "Ann"}]}, ["/payload/addresses/0/name"]),
        ({"customer": {"before": {"name": "Ann"}}}, ["/payload/customer/before/name"]),
        ({"before": {"name": "A"}}, ["/payload/before/name"]),
        ({"after": {"name": "B"}}, ["/payload/after/name"]),
        ({"patch": {"customer": {"name": "A"}}}, ["/payload/patch/customer/name"]),
        ({"patch": {"name": "A"}}, ["/payload/patch/name"]),
        ({"name": "Widget"}, []),
        ({"items": [{"name": "Widget", "sku": "s"}]}, []),
        ({"patch": {"items": [{"name": "Widget"}]}}, []),
        ({"customer": {"company": {"name": "Ltd"}}}, []),
        ({"customer": {"name": None}}, []),
        ({"customer_id": "c1", "country": "FR", "currency": "EUR", "region": "X"}, []),
        ({"Email": "x", "emails": "x"}, []),
    ],
)
def test_by_place(body: dict[str, Any], pointers: list[str]) -> None:
    assert places(body) == pointers


def test_the_name_in_an_items_change_is_the_items() -> None:
    body = {"before": {"name": "A"}, "after": {"name": "B"}}
    assert places(body, "order.item.renamed") == []
    assert len(places(body, "order.address.changed")) == 2
    person = {"customer": {"before": {"name": "A"}}}
    assert places(person, "order.item.renamed") == ["/payload/customer/before/name"]


@pytest.mark.parametrize(
    "text",
    [MAIL, f"<{MAIL}>", f"mailto:{MAIL}?x", f"write to {MAIL}.", "a+b@sub.example.co", "é@éx.fr"],
)
def test_an_email_address_anywhere_makes_a_string_personal(text: str) -> None:
    assert holds_email(text)
    assert places({"ref": text, "a": ["x", [text]]}) == ["/payload/ref", "/payload/a/1/0"]


@pytest.mark.parametrize("text", ["@", "a@b", "user@localhost", "@scope/pkg", "5 @ 1.20", "a@.b"])
def test_not_every_at_sign_is_one(text: str) -> None:
    assert not holds_email(text)
    assert places({"ref": text}) == []


def test_hostile_text_takes_no_time() -> None:
    assert not holds_email("a@" * 50_000)
    assert not holds_email("a@" + "a." * 50_000)


def test_metadata_is_classified_too() -> None:
    metadata = {"ip": "192.0.2.1", "actor_id": "u1", "a/b": MAIL}
    pointers = list(personal_pointers({}, metadata, "order.created"))
    assert pointers == ["/metadata/ip", "/metadata/a~1b"]


def test_a_schema_adds_and_removes_places() -> None:
    marks = {
        ("gift", "text"): True,
        ("items", "*", "engraving"): True,
        ("description",): False,
        ("box",): True,
    }
    body = {
        "gift": {"text": "x", "description": "y"},
        "items": [{"engraving": "Ann"}, {"engraving": None}],
        "description": f"by {MAIL}",
        "box": {"email": "x"},
    }
    assert places(body, marks=marks) == [
        "/payload/gift/text",
        "/payload/gift/description",
        "/payload/items/0/engraving",
        "/payload/box",
    ]


def test_a_snapshots_state_is_classified_like_a_payload() -> None:
    state = {"order": {"shipping_address": {"name": "Ann"}, "items": [{"name": "Widget"}]}}
    assert personal_paths(state, "") == [("order", "shipping_address", "name")]


@pytest.mark.parametrize(
    ("path", "personal"),
    [
        ("email", True),
        ("a.b.note", True),
        ("note.a", True),
        ("customer.name", True),
        ("customer.before.name", True),
        ("addresses.name", True),
        ("customer.id", False),
        ("shipping_address.country", False),
        ("customer.shop.name", False),
        ("items.name", False),
        ("before.name", False),
        ("name", False),
        ("", False),
    ],
)
def test_paths_of_names(path: str, personal: bool) -> None:
    names = path.split(".")
    assert always_personal(names) is personal
    body: Any = "x"
    for name in reversed(names):
        body = {name: body}
    # What is said of a path is so in a body: with and without a list on the way.
    assert (places(body, "order.item.price_changed") != []) is personal
    if len(names) > 1:
        listed = {names[0]: [body[names[0]]]}
        assert (places(listed, "order.item.price_changed") != []) is personal
