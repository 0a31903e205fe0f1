from __future__ import annotations

from typing import Any as Json

import jsonschema_rs
import pytest

from domain.errors import Invalid
from domain.search.fields import FIELDS
from domain.search.reading import KEYS, OPS, read_query
from domain.search.schema import EXAMPLES, components, query_schema

VALID = jsonschema_rs.Draft202012Validator(query_schema(), validate_formats=True).is_valid


def reads(query: Json) -> bool:
    try:
        read_query(query, "", personal=True)
    except Invalid:
        return False
    return True


@pytest.mark.parametrize("query", EXAMPLES.values(), ids=EXAMPLES)
def test_the_examples_are_queries(query: Json) -> None:
    read_query(query, "", personal=True)
    assert VALID(query)


def test_the_examples_show_every_shape() -> None:
    assert not [shape for shape in KEYS if f"'{shape}':" not in repr(list(EXAMPLES.values()))]


VALUES: list[Json] = [
    "x",
    "x" * 201,
    5,
    5.5,
    2**53,
    True,
    None,
    "2025-01-01T00:00:00Z",
    [],
    ["x"],
    [5, 7],
    [5.5],
    [True],
    ["2025-01-01T00:00:00Z"],
    [["x"]],
    ["x"] * 1001,
    {},
]


@pytest.mark.parametrize("name", [*FIELDS, "payload.weird.path", "payload", "payload.a..b", "typ"])
def test_the_schema_knows_the_fields_and_what_each_takes(name: str) -> None:
    for op in (*OPS["any"], "equals"):
        for value in VALUES:
            condition = {"field": name, op: value}
            # What is indexed beside it is no business of the schema.
            query = {"all": [{"text": "a"}, condition]}
            assert VALID(query) is reads(query), condition


@pytest.mark.parametrize(
    "query",
    [
        {"text": "a"},
        {"text": ""},
        {"text": 5},
        {"text": "a" * 1000},
        {"text": "a" * 1001},
        {"text": "a", "exact": True},
        {"ident": "abc"},
        {"ident": "abc", "exact": True},
        {"ident": "abc", "exact": "yes"},
        {"ident": ""},
        {"ident": "a" * 201, "exact": True},
        {"exact": True},
        {"field": "type"},
        {"field": "sequence", "gte": 5, "lt": 7},
        {"field": "sequence", "gte": 5, "text": "a"},
        {"eq": 5},
        {"all": []},
        {"all": [{"text": "a"}, {"text": 5}]},
        {"all": {"text": "a"}},
        {"any": []},
        {"any": [{"text": "a"}]},
        {"not": {"text": "a"}},
        {"not": [{"text": "a"}]},
        {"text": "a", "ident": "abc"},
        {},
        [],
        "a",
        None,
    ],
)
def test_the_schema_takes_what_is_read(query: Json) -> None:
    assert VALID(query) is reads(query)


def test_references_can_be_named_as_a_document_does() -> None:
    named = components("#/elsewhere/{name}")
    references = {one["$ref"] for one in named["SearchQuery"]["oneOf"]}
    assert references == {f"#/elsewhere/{name}" for name in named if name != "SearchQuery"}
    assert named["SearchNot"]["properties"]["not"] == {"$ref": "#/elsewhere/SearchQuery"}
