"""An order's history in numbers."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Rows = list[tuple[Any, ...]]


class ActorSummary(Struct):
    """What one actor did to an order."""

    actor_id: str
    actor_type: str | None
    events: int
    first_us: int
    last_us: int


class Aggregate(Struct):
    """An order's history in numbers: all of it, `maintenance_events` among them. `by_type` and
    `by_source` are sorted, actors by first event; events without an actor are in no actor's count.
    """

    order_id: str
    event_count: int
    maintenance_events: int
    by_type: dict[str, int]
    by_source: dict[str, int]
    first_us: int
    last_us: int
    actors: list[ActorSummary]


def aggregate_of(order_id: str, rows: Rows) -> Aggregate:
    """Of the rows of `statements.AGGREGATE`, of which there is one at least."""
    by_type: dict[str, int] = {}
    by_source: dict[str, int] = {}
    actors: dict[str, ActorSummary] = {}
    for kind, source, actor_id, actor_type, events, first, last, _ in rows:
        by_type[kind] = by_type.get(kind, 0) + events
        by_source[source] = by_source.get(source, 0) + events
        if actor_id is not None:
            actor = actors.setdefault(actor_id, ActorSummary(actor_id, actor_type, 0, first, last))
            actor.events += events
            actor.first_us = min(actor.first_us, first)
            actor.last_us = max(actor.last_us, last)
    return Aggregate(
        order_id,
        sum(by_type.values()),
        sum(row[7] for row in rows),
        dict(sorted(by_type.items())),
        dict(sorted(by_source.items())),
        min(row[5] for row in rows),
        max(row[6] for row in rows),
        sorted(actors.values(), key=lambda actor: (actor.first_us, actor.actor_id)),
    )
