"""Ids in paths beside words in their place: what another method of such a word answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from interfaces.http.app import API_HANDLERS, create_app
from interfaces.http.services import Services


def paths(services: Services) -> dict[str, dict[str, Any]]:
    app = create_app(services, API_HANDLERS)
    document = msgspec.json.decode(app.state.openapi, type=dict[str, Any])
    found: dict[str, dict[str, Any]] = document["paths"]
    return found


def overlapping(described: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """(path with an id, method) whose id may be a word that does not take this method."""
    found = []
    for path, methods in described.items():
        stem, _, last = path.rpartition("/")
        words = [
            other
            for other in described
            if last.startswith("{") and other.rpartition("/")[0] == stem and other != path
        ]
        found += [
            (path, method)
            for method in methods
            if any(method not in described[word] for word in words)
        ]
    return found


def test_a_word_that_does_not_take_the_method_is_documented(services: Services) -> None:
    described = paths(services)
    found = overlapping(described)
    assert any(path.endswith("/events/{event_id}") for path, _ in found)
    missing = [(p, m) for p, m in found if "405" not in described[p][m]["responses"]]
    if missing:
        pytest.fail(f"405 is not documented: {missing}")
