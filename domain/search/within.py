"""What a caller may see, as a part of its question."""

from __future__ import annotations

from domain.access.scope import Reach, Scope
from domain.audit.acts import HISTORY, OF_ORDERS
from domain.search.fields import FIELDS
from domain.search.query import All, Any, Match, Node, Not

_TYPE, _SOURCE, _CHANNEL = FIELDS["type"], FIELDS["source"], FIELDS["order.channel"]


def within(node: Node, reach: Reach) -> Node:
    """The question, about what is within reach alone."""
    if reach.is_of_all_events:
        return node
    return All((node, Any(tuple(_scope(scope) for scope in reach.scopes))))


def within_orders(node: Node, reach: Reach) -> Node:
    """The question, about events of orders that are within reach as a whole."""
    channels = reach.channels
    if channels is None:
        return node
    return All((node, Match(_CHANNEL, "in", tuple(sorted(channels)))))


def without_acts(node: Node) -> Node:
    """The question, about all but what was done to the service: `acts.is_act`."""
    own, of_orders = Match(_TYPE, "prefix", HISTORY), Match(_TYPE, "prefix", OF_ORDERS)
    return All((node, Any((Not(own), of_orders))))


def _scope(scope: Scope) -> Node:
    parts: list[Node] = []
    if scope.sources is not None:
        parts.append(Match(_SOURCE, "in", scope.sources))
    if scope.types is not None:
        parts.append(Any(tuple(_type(pattern) for pattern in scope.types)))
    if scope.channels is not None:
        parts.append(Match(_CHANNEL, "in", scope.channels))
    return All(tuple(parts))


def _type(pattern: str) -> Node:
    if pattern.endswith(".*"):
        return Match(_TYPE, "prefix", pattern[:-1])
    return Match(_TYPE, "eq", pattern)
