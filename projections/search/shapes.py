"""What can be told of a question by its tree alone."""

from __future__ import annotations

from collections.abc import Iterator

from domain.search.query import All, Any, Ident, Match, Node, Not, Words

ORDERED = frozenset({"gt", "gte", "lt", "lte"})


def parts_of(node: Node) -> Iterator[str]:
    """The parts of identifiers that have to be looked up before."""
    match node:
        case Ident(value=value, exact=False):
            yield value
        case All(parts=parts) | Any(parts=parts):
            for part in parts:
                yield from parts_of(part)
        case Not(part=part):
            yield from parts_of(part)


def asks_history(node: Node) -> bool:
    """Whether a question asks for the service's own events, by their type."""
    match node:
        case Match(field=field, value=value) if field.name == "type":
            values = value if isinstance(value, tuple) else (value,)
            return any(isinstance(one, str) and one.startswith("history.") for one in values)
        case All(parts=parts) | Any(parts=parts):
            return any(asks_history(part) for part in parts)
    return False


def is_termed(node: Node) -> bool:
    """Whether the index of terms lists the events of which a question can be true."""
    match node:
        case Words() | Ident():
            return True
        case Match(field=field, op=op, value=value):
            of_payload = field.scope in ("payload", "metadata") and field.indexed
            absent = op == "exists" and value is False
            return of_payload and not absent and not is_range_of_amounts(node)
        case All(parts=parts):
            return any(map(is_termed, parts))
        case Any(parts=parts):
            return all(map(is_termed, parts))
    return False


def is_range_of_amounts(node: Match) -> bool:
    """Whether a condition is on a column, though it is on a payload."""
    return node.field.name == "payload.amount_minor" and node.op in ORDERED
