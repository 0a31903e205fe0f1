"""Which events an index names, before any of them is read."""

from __future__ import annotations

from collections.abc import Iterator

from domain.search.query import All, Any, Match, Node, Not


def unindexed(node: Node, beside: bool = False) -> Iterator[Match]:
    """The conditions on paths that are not indexed, and for which every event would be read.

    Such a condition is decided by reading events, so something indexed has to say which: going up
    from it to the root, an `all` must have a part that is `narrowing`. In an `any` each part has to
    be served by itself, or by what is beside the `any`. Below a `not` only what is beside the `not`
    counts: what is excluded does not say which events are left.
    beside: something narrowing stands beside the node.
    """
    match node:
        case Match() | Not() if not beside:
            yield from (one for one in conditions(node) if not one.field.indexed)
        case All(parts=parts) if not beside:
            beside = narrowing(node)
            for part in parts:
                yield from unindexed(part, beside)
        case Any(parts=parts) if not beside:
            for part in parts:
                yield from unindexed(part)


def narrowing(node: Node) -> bool:
    """Whether an index lists the events of which the node can be true: words, an identifier, an
    indexed field that has a value; one part of an `all`, each of an `any`."""
    match node:
        case Match(field=field, op=op, value=value):
            return field.indexed and not (op == "exists" and value is False)
        case All(parts=parts):
            return any(narrowing(part) for part in parts)
        case Any(parts=parts):
            return all(narrowing(part) for part in parts)
        case Not():
            return False
    return True


def conditions(node: Node) -> Iterator[Match]:
    """All that a question holds against fields."""
    match node:
        case Match():
            yield node
        case All(parts=parts) | Any(parts=parts):
            for part in parts:
                yield from conditions(part)
        case Not(part=part):
            yield from conditions(part)
