"""The JSON Schema (draft 2020-12) of a query, made of the same tables and bounds that read it.

What the schema cannot say is in its descriptions: how deep, how many, which words are left.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from domain.canonical import MAX_INTEGER
from domain.search.fields import DEEPEST_PATH, FIELDS, Kind
from domain.search.query import Op
from domain.search.reading import MAX_CHARACTERS, MAX_CLAUSES, MAX_DEPTH, OPS
from domain.search.values import MAX_STRING, MAX_TEXT, MAX_VALUES, MAX_WORDS
from domain.search.words import SHORTEST_PART

Schema = dict[str, Any]

EXAMPLES: Mapping[str, Schema] = {
    "What was declined in a week": {
        "all": [
            {"text": "card declined"},
            {
                "field": "occurred_at",
                "gte": "2025-08-25T00:00:00Z",
                "lt": "2025-09-01T00:00:00Z",
            },
        ]
    },
    "Half a tracking number": {"ident": "9994857"},
    "Whatever was sent with an email address": {"ident": "ann@example.org", "exact": True},
    "Every price that one agent changed in a quarter": {
        "all": [
            {"field": "type", "eq": "order.item.price_changed"},
            {"field": "actor_id", "eq": "agent_17"},
            {
                "field": "occurred_at",
                "gte": "2025-04-01T00:00:00+02:00",
                "lt": "2025-07-01T00:00:00+02:00",
            },
        ]
    },
    "Failed or voided payments over 100.00, but by wire": {
        "all": [
            {"field": "type", "in": ["order.payment.failed", "order.payment.voided"]},
            {"field": "payload.currency", "eq": "EUR"},
            {"field": "payload.amount_minor", "gt": 10000},
            {"not": {"field": "payload.gateway", "eq": "wire"}},
        ]
    },
    "A path that is not indexed, beside a field that is": {
        "all": [
            {"field": "type", "prefix": "order.fulfillment."},
            {"field": "order.on_hold", "eq": False},
            {
                "any": [
                    {"field": "payload.picker.zone", "eq": "B4"},
                    {"field": "payload.weight_g", "gt": 20000},
                ]
            },
        ]
    },
}
"""Queries, by what they look for."""

_STRING: Schema = {"type": "string", "maxLength": MAX_STRING}
_NUMBER: Schema = {"type": "number", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER}
_INTEGER: Schema = {**_NUMBER, "type": "integer"}
_BOOLEAN: Schema = {"type": "boolean"}
_VALUES: Mapping[Kind, Schema] = {
    "text": _STRING,
    "integer": _INTEGER,
    "time": {"type": "string", "format": "date-time"},
    "boolean": _BOOLEAN,
    "any": {"anyOf": [_STRING, _NUMBER, _BOOLEAN]},
}
_ORDERED: Schema = {"anyOf": [_STRING, _NUMBER]}
_NAMES: Mapping[Kind, str] = {
    "text": "SearchTextField",
    "integer": "SearchIntegerField",
    "time": "SearchTimeField",
    "boolean": "SearchBooleanField",
    "any": "SearchPath",
}
_SAYS: Mapping[Kind, str] = {
    "text": "A field of text, compared as it is, by code point: upper and lower case differ.",
    "integer": "A field of whole numbers.",
    "time": "A field of times, RFC 3339, compared as instants.",
    "boolean": "A field that is true or false.",
    "any": "A field of whatever JSON has there, or any other path below `payload` or `metadata`,"
    f" of at most {DEEPEST_PATH} names. Text is compared with text, numbers with numbers. Such"
    " another path is not indexed: it needs a text, an ident or a condition on an indexed field"
    " beside it, in an `all` around it, in every branch. Personal values have no path.",
}
_QUERY = f"""A question, true or false of one event. Queries stand in each other at most {MAX_DEPTH}
deep. A query has at most {MAX_CLAUSES} clauses in all: each query in it is one, and each further
operator of a condition. Its texts and idents have at most {MAX_CHARACTERS} characters together.
Strings hold no U+0000."""
_TEXT = f"""Every word of the text, in any order, is in the event's type, its source or the strings
of its payload that are neither personal nor identifiers nor under a name that ends in `_at`. Words
are whole runs of letters and digits; upper and lower case make no difference, nor do other ways to
spell the same in Unicode (NFKC, casefold). One to {MAX_WORDS} different words."""
_IDENT = f"""A part of an identifier of the event ({SHORTEST_PART} characters or more), or, where
`exact`, one as a whole, upper and lower case alike: its order_id, and the payload's number,
tracking_number, sku, rma, names that end in `_id`, and customer.id. For who may see personal data
also an email address or a telephone number of the payload, always as a whole."""


def components(ref: str = "#/components/schemas/{name}") -> dict[str, Schema]:
    """The schemas by their names, `SearchQuery` being that of a query. ref: how one is named in
    another; `{name}` is its name."""

    def to(name: str) -> Schema:
        return {"$ref": ref.format(name=name)}

    query = to("SearchQuery")
    text = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
    ident = {**_STRING, "minLength": 1}
    exact = {**_BOOLEAN, "default": False}
    queries = {"type": "array", "items": query}
    shapes = {
        "SearchText": _object(_TEXT, {"text": text}),
        "SearchIdent": _object(_IDENT, {"ident": ident}, {"exact": exact}),
        **{_NAMES[kind]: _condition(kind) for kind in OPS},
        "SearchAll": _object("Every part is true; without parts, of any event.", {"all": queries}),
        "SearchAny": _object("A part is true.", {"any": {**queries, "minItems": 1}}),
        "SearchNot": _object("The query is not true.", {"not": query}),
    }
    return {
        "SearchQuery": {
            "title": "SearchQuery",
            "description": _flat(_QUERY),
            "oneOf": [to(name) for name in shapes],
            "examples": list(EXAMPLES.values()),
        },
        **{name: {"title": name, **schema} for name, schema in shapes.items()},
    }


def query_schema() -> Schema:
    """The schema of a query as a document of its own."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": "#/$defs/SearchQuery",
        "$defs": components("#/$defs/{name}"),
    }


def _condition(kind: Kind) -> Schema:
    """A condition on the fields of a kind: the operators that are given all hold."""
    operators: Schema = {op: _operand(kind, op) for op in OPS[kind]}
    schema = _object(_SAYS[kind], {"field": _field(kind)}, operators)
    return {**schema, "minProperties": 2}


def _field(kind: Kind) -> Schema:
    names = [field.name for field in FIELDS.values() if field.kind == kind]
    if kind != "any":
        return {"enum": names}
    others = [field.name for field in FIELDS.values() if field.kind != kind]
    path = rf"^(payload|metadata)(\.[^.]+){{1,{DEEPEST_PATH}}}$"
    return {
        "type": "string",
        "maxLength": MAX_STRING,
        "pattern": path,
        "not": {"enum": others},
        "examples": [*names, "payload.picker.zone"],
    }


def _operand(kind: Kind, op: Op) -> Schema:
    if op == "exists":
        return _BOOLEAN
    if op == "in":
        values = {"minItems": 1, "maxItems": MAX_VALUES}
        return {"type": "array", "items": _VALUES[kind], **values}
    if op == "prefix":
        return _STRING
    return _ORDERED if kind == "any" and op != "eq" else _VALUES[kind]


def _object(
    description: str,
    required: Mapping[str, Schema],
    optional: Mapping[str, Schema] = MappingProxyType({}),
) -> Schema:
    """An object of these properties and no others."""
    return {
        "description": _flat(description),
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def _flat(text: str) -> str:
    return " ".join(text.split())
