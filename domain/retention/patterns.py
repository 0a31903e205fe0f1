"""Event types, as a policy names them: `order.created`, `order.payment.*`, `*` for all of them."""

from __future__ import annotations

from domain.access.reading import TYPE_PATTERN as PATTERN
from domain.access.scope import fits as is_below
from domain.orders.vocabulary import TYPE_PATTERN, is_reserved

ANY = "*"
_BELOW = ".*"


def wrong_with(pattern: str) -> str | None:
    """What is wrong with a pattern; None: nothing."""
    if pattern == ANY:
        return None
    whole = PATTERN if pattern.endswith(_BELOW) else TYPE_PATTERN
    if whole.fullmatch(pattern) is None:
        return "is no event type, such as order.shipped, order.payment.* or *"
    if is_reserved(pattern):
        return "is in the namespace history., whose events are kept"
    return None


def fits(event_type: str, pattern: str) -> bool:
    """Whether a type is the pattern, or one or more segments below it, or the pattern is `*` and
    the type not one of the service's own."""
    if pattern == ANY:
        return not is_reserved(event_type)
    return is_below(event_type, pattern)


def common(one: str, other: str) -> str | None:
    """The pattern of the types that fit both; None if none does."""
    if ANY in (one, other):
        return other if one == ANY else one
    for narrow, wide in ((one, other), (other, one)):
        if narrow == wide or (wide.endswith(_BELOW) and narrow.startswith(wide[:-1])):
            return narrow
    return None
