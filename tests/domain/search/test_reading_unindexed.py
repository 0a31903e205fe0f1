"""A path that is not indexed is looked at only beside something that is."""

from __future__ import annotations

from typing import Any as Json

import pytest

from domain.search.fields import field_named
from domain.search.query import Match
from tests.domain.search.asked import TEXT, WEIRD, read, wrong

WEIRD_MATCH = Match(field_named("payload.weird"), "eq", 1)

BESIDE = {
    "text": TEXT,
    "ident": {"ident": "1Z999"},
    "column": {"field": "occurred_at", "gte": "2025-01-01T00:00:00Z"},
    "order": {"field": "order.status", "eq": "paid"},
    "payload": {"field": "payload.gateway", "eq": "stripe"},
    "exists": {"field": "payload.gateway", "exists": True},
    "any": {"any": [TEXT, {"all": [WEIRD, {"field": "type", "eq": "x"}]}]},
}


@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE)
def test_a_path_that_is_not_indexed_needs_something_indexed_beside_it(beside: Json) -> None:
    assert WEIRD_MATCH in getattr(read({"all": [beside, WEIRD]}), "parts", ())
    for inner in (
        {"not": WEIRD},
        {"any": [WEIRD, TEXT]},
        {"all": [WEIRD]},
        {"not": {"not": WEIRD}},
    ):
        read({"all": [inner, {"all": [beside]}]})


ALONE: dict[str, tuple[Json, str]] = {
    "alone": (WEIRD, ""),
    "in an all": ({"all": [WEIRD]}, "/all/0"),
    "below a not": ({"not": WEIRD}, "/not"),
    "in a branch": ({"any": [TEXT, WEIRD]}, "/any/1"),
    "in a nested branch": (
        {"any": [{"all": [TEXT, WEIRD]}, {"all": [{"any": [TEXT, WEIRD]}]}]},
        "/any/1/all/0/any/1",
    ),
    "beside what is excluded": ({"all": [{"not": TEXT}, WEIRD]}, "/all/1"),
    "beside what may be missing": (
        {"all": [{"field": "payload.gateway", "exists": False}, WEIRD]},
        "/all/1",
    ),
    "beside a branch that is open": (
        {"all": [{"any": [TEXT, {"not": TEXT}]}, WEIRD]},
        "/all/1",
    ),
    "beside what is not indexed either": (
        {"all": [WEIRD, {"field": "type", "exists": False}]},
        "/all/0",
    ),
    "excluded with what is beside it": ({"not": {"all": [TEXT, WEIRD]}}, "/not/all/1"),
    "asked twice": ({"field": "payload.weird", "gt": 1, "lt": 5}, ""),
}


@pytest.mark.parametrize(("value", "pointer"), ALONE.values(), ids=ALONE)
def test_a_path_that_is_not_indexed_is_refused(value: Json, pointer: str) -> None:
    ((place, detail),) = wrong(value).items()
    assert place == f"/query{pointer}/field"
    assert detail.startswith("payload.weird is not indexed")
