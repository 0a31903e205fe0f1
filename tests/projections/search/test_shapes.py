"""What can be told of a question before it is made SQL."""

from __future__ import annotations

from domain.search.reading import read_query
from projections.search.shapes import asks_history, parts_of


def test_the_parts_of_identifiers_wherever_they_stand() -> None:
    node = read_query(
        {"any": [{"ident": "ABC"}, {"not": {"ident": "xyz"}}, {"ident": "q", "exact": True}]},
        "/query",
        personal=True,
    )
    assert list(parts_of(node)) == ["abc", "xyz"]


def test_the_services_own_events_are_asked_for_by_their_type() -> None:
    history = {"field": "type", "eq": "history.export.made"}
    for query, asks in (
        (history, True),
        ({"field": "type", "prefix": "history."}, True),
        ({"any": [{"text": "x"}, {"all": [history]}]}, True),
        ({"not": history}, False),
        ({"field": "source", "eq": "history.x"}, False),
        ({"field": "type", "exists": True}, False),
        ({"field": "type", "in": ["order.created"]}, False),
    ):
        assert asks_history(read_query(query, "/query", personal=False)) is asks
