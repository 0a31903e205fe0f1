"""Placeholders are found as bytes: in any JSON, what decoding would find and nothing else."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from domain import canonical
from domain.privacy.revealing import Shown, digests, fill, holds_personal, mask, revealing
from domain.privacy.sealing import Opened

DIGESTS = ("A" * 43, "b-_9" + "C" * 39)
VALUE = {"name": 'Ada "the first"', "é": [None, 0.5]}
LURES = ['{"_sd":"', '{"_sd":"' + DIGESTS[0] + '"}', '"', "\\", '{"', "_sd", ':"']
TEXT = st.sampled_from(LURES) | st.text(max_size=3)
NAMES = TEXT.filter(lambda name: name != "_sd")  # which no input may have
PLAIN = st.recursive(
    st.none() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)
SEALED = st.recursive(
    TEXT | st.sampled_from(DIGESTS).map(lambda digest: {"_sd": digest}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)


def opened(value: Any) -> Opened:
    """The first digest's value is disclosed, under the name that sealing gives it in there: of an
    item of a list, its place."""
    disclosed = Opened()
    disclosed[DIGESTS[0]] = VALUE
    disclosed.names[DIGESTS[0]] = dict(_sealed(value, "")).get(DIGESTS[0], "")
    return disclosed


def none(_: bytes) -> None:
    """Whose it is, is not known."""


@given(PLAIN)
def test_where_nothing_is_sealed_nothing_is_replaced(value: Any) -> None:
    encoded = canonical.encode(value)
    assert not holds_personal(encoded)
    shown = Shown()
    assert mask(encoded) == revealing(opened(value), shown, none)(encoded) == encoded
    assert not shown.logged
    assert digests(encoded) == []


@given(SEALED)
def test_each_placeholder_is_replaced_and_nothing_else(value: Any) -> None:
    encoded = canonical.encode(value)
    found = _placed(value)
    assert sorted(digests(encoded)) == sorted(found)
    assert holds_personal(encoded) == bool(found)
    masked = {digest: {"masked": True} for digest in DIGESTS}
    assert json.loads(mask(encoded)) == _replaced(value, masked)
    shown = {DIGESTS[0]: VALUE, DIGESTS[1]: {"erased": True}}
    assert json.loads(fill(encoded, {DIGESTS[0]: VALUE})) == _replaced(value, shown)
    assert revealing(opened(value), Shown(), none)(encoded) == fill(encoded, {DIGESTS[0]: VALUE})


@given(SEALED)
def test_what_is_revealed_is_noted_and_nothing_else(value: Any) -> None:
    encoded, shown = canonical.encode(value), Shown()
    assume(len(digests(encoded)) == len(set(digests(encoded))))  # salts make each of them new
    revealing(opened(value), shown, lambda _: "o1")(encoded)
    names = [name for name, digest in _named(value, "") if digest == DIGESTS[0]]
    assert (shown.fields, shown.values) == (set(names), len(names))
    assert (shown.orders, shown.things) == (({"o1"}, 1) if names else (set(), 0))
    assert shown.logged == bool(names)


def _named(value: Any, name: str) -> list[tuple[str, str]]:
    """(name, digest) of each placeholder; items of a list have the list's name."""
    if isinstance(value, dict) and "_sd" in value:
        return [(name, value["_sd"])]
    if isinstance(value, dict):
        return [one for key, inner in value.items() for one in _named(inner, key)]
    return [one for item in value for one in _named(item, name)] if isinstance(value, list) else []


def _sealed(value: Any, name: str) -> list[tuple[str, str]]:
    """(digest, name) of each placeholder, as its disclosure has it."""
    if isinstance(value, dict) and "_sd" in value:
        return [(value["_sd"], name)]
    members: dict[Any, Any] = value if isinstance(value, dict) else {}
    if isinstance(value, list):
        members = dict(enumerate(value))
    return [one for key, inner in members.items() for one in _sealed(inner, str(key))]


def _placed(value: Any) -> list[str]:
    if isinstance(value, dict) and "_sd" in value:
        return [value["_sd"]]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [digest for item in inner for digest in _placed(item)]


def _replaced(value: Any, by: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_replaced(item, by) for item in value]
    if not isinstance(value, dict):
        return value
    if "_sd" in value:
        return by[value["_sd"]]
    return {name: _replaced(item, by) for name, item in value.items()}
