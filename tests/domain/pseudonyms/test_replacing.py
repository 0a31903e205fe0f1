"""One value, one pseudonym; and nothing in it that tells of the value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pseudonyms.form import is_pseudonym
from domain.pseudonyms.replacing import is_replaced, pseudonym_of, pseudonymised
from domain.search.words import email

KEY, OTHER = b"k" * 32, b"o" * 32
NAMES = st.sampled_from(["email", "phone", "name", "note", "line1"])
TEXTS = st.text(max_size=40) | st.emails() | st.from_regex(r"\+?[0-9 ]{6,14}", fullmatch=True)
VALUES = st.recursive(
    TEXTS | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none() | st.just(0.5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(NAMES, TEXTS)
def test_a_text_has_one_pseudonym_under_one_key(name: str, text: str) -> None:
    made = pseudonym_of(KEY, name, text)
    assert is_pseudonym(made)
    assert pseudonym_of(KEY, name, text) == made
    assert pseudonym_of(OTHER, name, text) != made
    assert pseudonym_of(KEY, name, made) == made
    assert pseudonym_of(OTHER, name, made) == made


@given(NAMES, VALUES)
def test_a_value_keeps_its_shape_and_is_replaced_once(name: str, value: Any) -> None:
    made = pseudonymised(KEY, name, value)
    assert is_replaced(made)
    assert pseudonymised(KEY, name, made) == made
    assert shape(made) == shape(value)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return value if isinstance(value, bool) or value is None else "text"


@given(st.text(min_size=8, max_size=40))
def test_nothing_of_the_value_is_in_it(text: str) -> None:
    made = pseudonym_of(KEY, "name", text).removesuffix("@pseudonym.invalid")
    assert is_pseudonym(text) or text not in made.removeprefix("pn-")


@pytest.mark.parametrize(
    ("name", "one", "same"),
    [
        ("email", "Ann.Marlow@Example.org", " ann.marlow@example.org"),
        ("email", "ann@example.org", "\uff21\uff2e\uff2e@example.org"),
        ("phone", "+44 20 7946 0018", "0044 (20) 7946-0018"),
        ("name", "Ann  Marlow", " ann marlow\n"),
        ("name", "Straße", "STRASSE"),
        ("note", 12, "12"),
        ("note", 1.0, 1),
    ],
)
def test_what_says_the_same_has_the_same_pseudonym(name: str, one: Any, same: Any) -> None:
    assert pseudonymised(KEY, name, one) == pseudonymised(KEY, name, same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("name", "Ann Marlow"), ("name", "Ann Marlowe")),
        (("phone", "020 7946 0018"), ("note", "020 7946 0018")),
        (("phone", "02079460018"), ("phone", "02079460019")),
        (("email", "ann@example.org"), ("email", "ann@example.com")),
        (("note", "ann at example.org"), ("note", "ann@example.org")),
    ],
)
def test_what_says_something_else_has_another(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert pseudonym_of(KEY, *one) != pseudonym_of(KEY, *other)


def test_that_of_an_address_is_one_of_nobody() -> None:
    made = pseudonym_of(KEY, "note", "Ann@Example.org")
    assert email(made) == made
    assert made.endswith("@pseudonym.invalid")
    assert is_pseudonym(made)
    assert not is_pseudonym(made.upper())
    assert not is_pseudonym("pn-short")
    assert not is_pseudonym(f"{made} ")
    assert not is_pseudonym("ann@pseudonym.invalid")


def test_what_is_not_replaced() -> None:
    value: dict[str, Any] = {"a": None, "b": True, "c": [], "d": {"e": False}}
    assert is_replaced(value)
    assert pseudonymised(KEY, "note", value) == value
    assert not is_replaced({"a": [1]})
