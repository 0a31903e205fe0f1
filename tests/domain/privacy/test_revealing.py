"""Placeholders are found as bytes: in any JSON, what decoding would find and nothing else."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain import canonical
from domain.privacy.revealing import digests, holds_personal, mask, reveal

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


@given(PLAIN)
def test_where_nothing_is_sealed_nothing_is_replaced(value: Any) -> None:
    encoded = canonical.encode(value)
    assert not holds_personal(encoded)
    assert mask(encoded) == reveal(encoded, {DIGESTS[0]: VALUE}) == encoded
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
    assert json.loads(reveal(encoded, {DIGESTS[0]: VALUE})) == _replaced(value, shown)


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
