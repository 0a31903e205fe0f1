"""What a caller may see, as conditions of statements. Values are bound, names are constant."""

from __future__ import annotations

from collections.abc import Mapping

from domain.access.scope import Reach, Scope
from infrastructure.postgres.arrays import TextColumn

Condition = tuple[str, Mapping[str, object]]
"""The text, and the values of its places."""

EVERYTHING: Condition = ("", {})
_CHANNEL_OF = """(select o.channel from orders o
         where o.tenant_id = %(tenant)s and o.order_id = order_events.order_id)"""


def events_within(reach: Reach) -> Condition:
    """That a row of `order_events` is within reach; empty if all are."""
    if reach.is_of_all_events:
        return EVERYTHING
    values: dict[str, object] = {}
    parts = [_scope(scope, f"reach{at}_", values) for at, scope in enumerate(reach.scopes)]
    return f"({' or '.join(parts) or 'false'})", values


def orders_within(reach: Reach) -> Condition:
    """That a row of `orders` is within reach as a whole; empty if all are."""
    channels = reach.channels
    if channels is None:
        return EVERYTHING
    return "channel = any(%(reach_channels)s::text[])", {
        "reach_channels": TextColumn(sorted(channels))
    }


def _scope(scope: Scope, name: str, values: dict[str, object]) -> str:
    conditions = []
    if scope.sources is not None:
        values[f"{name}sources"] = TextColumn(scope.sources)
        conditions.append(f"source = any(%({name}sources)s::text[])")
    if scope.types is not None:
        exact = [one for one in scope.types if not one.endswith(".*")]
        values[f"{name}types"] = TextColumn(exact)
        below = [one[:-1] for one in scope.types if one.endswith(".*")]
        values[f"{name}below"] = TextColumn(below)
        conditions.append(
            f"(type = any(%({name}types)s::text[])"
            f" or exists (select from unnest(%({name}below)s::text[]) as below"
            " where starts_with(type, below)))"
        )
    if scope.channels is not None:
        values[f"{name}channels"] = TextColumn(scope.channels)
        conditions.append(f"{_CHANNEL_OF} = any(%({name}channels)s::text[])")
    return f"({' and '.join(conditions)})"
