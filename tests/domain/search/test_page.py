"""docs/search.md says what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from domain.search.fields import DEEPEST_PATH, FIELDS
from domain.search.reading import (
    MAX_CHARACTERS,
    MAX_CLAUSES,
    MAX_DEPTH,
    MAX_ERRORS,
    OPS,
    read_query,
)
from domain.search.saved import (
    MAX_DESCRIPTION,
    MAX_NAME,
    MAX_SEARCH,
    MOST_SAVED,
    personal_places,
    read_last,
    read_name,
)
from domain.search.terms import MOST_EXACT, MOST_TERMS
from domain.search.values import MAX_STRING, MAX_TEXT, MAX_VALUES, MAX_WORDS
from domain.search.words import LONGEST_WORD, SHORTEST_PART

PAGE = Path(__file__).parents[3].joinpath("docs/search.md").read_text()
BLOCKS = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
KINDS = {
    "text": "text",
    "whole numbers": "integer",
    "times": "time",
    "true or false": "boolean",
    "what JSON has there": "any",
}
OPERATORS = {
    "all": set(OPS["any"]),
    "all but `prefix`": set(OPS["integer"]),
    "`eq`, `exists`": set(OPS["boolean"]),
}


@pytest.mark.parametrize("block", BLOCKS)
def test_each_example_is_a_query(block: str) -> None:
    read_query(json.loads(block), "/query", personal=True)


def test_the_example_of_a_saved_search_is_one() -> None:
    (block,) = re.findall(r"```\n(\{.*?)```", PAGE, re.DOTALL)
    saved = json.loads(block)
    read_name(saved["name"])
    read_last(saved["last"])
    read_query(saved["search"]["query"], "/search/query", personal=True)
    assert personal_places(saved, "") == []


def test_the_table_has_the_fields_and_no_others() -> None:
    told = {}
    for names, values, operators in re.findall(
        r"^\| (`.*) \| (.*) \| (.*) \|$", PAGE, re.MULTILINE
    ):
        scope = re.match(r"`(payload\.|metadata\.)` ", names)
        prefix = scope[1] if scope else ""
        for name in re.findall(r"`([^`]+)`", names[scope.end() if scope else 0 :]):
            told[prefix + name] = (KINDS[values], OPERATORS[operators])
    assert told == {name: (field.kind, set(OPS[field.kind])) for name, field in FIELDS.items()}


@pytest.mark.parametrize(
    "bound",
    [
        f"Queries inside each other: {MAX_DEPTH} deep",
        f"{MAX_CLAUSES} clauses in all",
        f"A text: {MAX_TEXT:,} characters, {MAX_WORDS} different words",
        f"Any other string: {MAX_STRING} characters",
        f"An `in`: 1 to {MAX_VALUES:,} values",
        f"Texts and idents together: {MAX_CHARACTERS:,} characters",
        f"A path: {DEEPEST_PATH} names",
        f"({MAX_ERRORS} at most)",
        f"the first {LONGEST_WORD} characters count",
        f"A part has {SHORTEST_PART} characters or more",
        f"at most {MOST_TERMS:,} terms",
        f"values are not, up to {MOST_EXACT:,}",
        f"a tenant has at most {MOST_SAVED:,}, a name {MAX_NAME} characters",
        f"a description {MAX_DESCRIPTION:,}, a search {MAX_SEARCH:,} bytes",
    ],
)
def test_the_bounds_are_those_of_the_code(bound: str) -> None:
    assert bound in " ".join(PAGE.split())
