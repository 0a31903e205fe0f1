"""Copying and merging JSON with sealed values in it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from domain.orders.merging import copied, merge_patch

SEALED = {"_sd": "kzH2-digest-of-a-personal-value"}
OTHER = {"_sd": "p0Qa-digest-of-another"}


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        # a sealed value is whole
        ({"a": SEALED}, {"a": OTHER}, {"a": OTHER}),
        ({"a": SEALED}, {"a": {"city": "x"}}, {"a": {"city": "x"}}),
        ({"a": {"city": "x"}}, {"a": SEALED}, {"a": SEALED}),
        ({"a": {"b": "x", "c": "y"}}, {"a": {"b": SEALED}}, {"a": {"b": SEALED, "c": "y"}}),
        ({"a": SEALED}, {"a": None}, {}),
        ({"a": SEALED}, {}, {"a": SEALED}),
    ],
)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    before = copy.deepcopy((target, patch))
    merged = merge_patch(target, patch)
    assert merged == result
    assert (target, patch) == before
    if type(merged) is dict:
        merged["new"] = 1
        assert (target, patch) == before


def test_copied_shares_no_container() -> None:
    value = {"a": [1, {"b": []}], "c": "x"}
    twin = copied(value)
    assert twin == value
    twin["a"][1]["b"].append(1)
    assert value["a"] == [1, {"b": []}]
