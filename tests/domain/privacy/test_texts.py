"""Disclosures and what replaces them, side by side in one text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.privacy.sealing import conceal, disclose, open_disclosures
from domain.privacy.texts import disclosures, put_back, replaced, without
from tests.domain.privacy.test_sealing import BODIES, incoming

VALUES = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), min_size=1)


def made(values: dict[str, Any]) -> tuple[dict[str, str], str]:
    return disclose(values, os.urandom)


def stand_in(name: str, value: Any) -> Any:
    return ["instead", name, value]


@given(VALUES, st.data())
def test_what_is_replaced_comes_back_to_the_byte(values: dict[str, Any], data: Any) -> None:
    digests, text = made(values)
    chosen = set(data.draw(st.lists(st.sampled_from(sorted(digests.values())), unique=True)))
    other = replaced(text, chosen, stand_in)
    opened = open_disclosures(other)
    assert opened.replaced == chosen
    assert opened.names == open_disclosures(text).names
    for name, digest in digests.items():
        expected = stand_in(name, values[name]) if digest in chosen else values[name]
        assert opened[digest] == expected
    assert replaced(other, set(digests.values()) & chosen, stand_in) == other
    assert disclosures(other).keys() == set(digests.values()) - chosen
    assert put_back(other, disclosures(text)) == text
    assert opened.recorded == {one: opened[one] for one in opened.keys() - chosen}


@given(VALUES, st.data())
def test_either_may_be_taken_away(values: dict[str, Any], data: Any) -> None:
    digests, text = made(values)
    every = sorted(digests.values())
    one = data.draw(st.sampled_from(every))
    for there in (text, replaced(text, {one}, stand_in), replaced(text, every, stand_in)):
        left = without(there, {one})
        assert (set(open_disclosures(left)) if left else set()) == set(every) - {one}


def test_what_is_put_back_is_what_has_the_digest() -> None:
    digests, text = made({"note": "Ann"})
    other = replaced(text, digests.values(), stand_in)
    forged = made({"note": "Bea"})[1]
    assert put_back(other, disclosures(forged)) == other
    assert disclosures("") == {}


@given(BODIES)
def test_no_disclosure_is_taken_for_a_replacement(body: dict[str, Any]) -> None:
    _, concealed = conceal(incoming(body), "acme", random_bytes=os.urandom)
    for one in concealed:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", one.text)
        assert open_disclosures(one.text).replaced == set()


@pytest.mark.parametrize(
    "text", ["", "~", "~a~b~c", "~digest", "~digest~!!!", "~digest~WyJhIl0", "é", "W10", "WzFd~"]
)
@pytest.mark.parametrize("read", [open_disclosures, lambda text: replaced(text, (), stand_in)])
def test_a_damaged_text_is_refused(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # which of its kinds does not matter
        read(text)
