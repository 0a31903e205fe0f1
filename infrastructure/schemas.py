"""Validates payloads against the registered schemas, with jsonschema-rs."""

from __future__ import annotations

from itertools import islice
from typing import Any

import jsonschema_rs

from domain.errors import FieldError
from domain.orders.vocabulary import CANONICAL, schema, versions
from domain.pointers import of_path

MAX_ERRORS = 50


class PayloadSchemas:
    """Implements `domain.orders.incoming.SchemaValidator`: every schema is compiled once, here."""

    def __init__(self) -> None:
        self._validators = {
            (name, version): jsonschema_rs.Draft202012Validator(dict(found))
            for name in CANONICAL
            for version in versions(name)
            if (found := schema(name, version)) is not None
        }

    def known(self, event_type: str, version: str) -> bool:
        return event_type not in CANONICAL or (event_type, version) in self._validators

    def errors(self, event_type: str, version: str, payload: dict[str, Any]) -> list[FieldError]:
        validator = self._validators.get((event_type, version))
        if validator is None or validator.is_valid(payload):
            return []
        return [_field_error(error) for error in islice(validator.iter_errors(payload), MAX_ERRORS)]


def _field_error(error: jsonschema_rs.ValidationError) -> FieldError:
    """The library's own message repeats the value, which may be personal: this one never does."""
    path: list[str | int] = list(error.instance_path)
    rule, limit = error.kind.name, error.kind.as_dict()
    match rule:
        case "type":
            detail = "must be " + _either(limit["types"])
        case "required":
            path.append(limit["property"])
            detail = "is required"
        case "pattern":
            detail = f"must match {limit['pattern']}"
        case "minimum" | "maximum":
            detail = f"is out of range: {rule} {limit['limit']}"
        case "enum":
            detail = "is not one of the values that the schema lists"
        case _:
            detail = f"does not satisfy the schema's rule {rule}"
    return FieldError(of_path(path, "/payload"), detail)


def _either(types: list[str]) -> str:
    named = [name for name in types if name != "null"] or ["null"]
    return " or ".join(f"an {n}" if n[0] in "aeiou" else f"a {n}" for n in named)
