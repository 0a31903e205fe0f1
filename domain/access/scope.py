"""How far a right goes: from which sources, of which channels, of which types, how personal.

A caller has grants: each permits something, within a scope. What one grant permits within its scope
says nothing about the scope of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from msgspec import Struct, structs

PersonalClass = Literal["contact", "name", "address", "network", "financial", "text", "other"]
PERSONAL_CLASSES: frozenset[str] = frozenset(get_args(PersonalClass))

_NAMED: Mapping[PersonalClass, str] = {
    "contact": "email phone",
    "name": "name first_name last_name signed_by",
    "address": "line1 line2 address1 address2 street city postal_code postcode zip",
    "network": "ip user_agent",
    "financial": "iban tax_id",
    "text": "note reason description correction comment message",
}
_CLASS_OF = {name: kind for kind, names in _NAMED.items() for name in names.split()}


def personal_class(name: str) -> PersonalClass:
    """The class of the personal value that a field of this name holds (vocabulary.md, "Personal
    data"); `other`: one that a schema marks, or a text with an email address in it."""
    return _CLASS_OF.get(name, "other")


class Scope(Struct, frozen=True, omit_defaults=True):
    """What a grant is limited to; None: not limited in this way.

    sources: of events. channels: of orders, as they are now. types: of events, each a type or a
    pattern such as `order.payment.*`, which stands for one or more further segments. personal:
    classes of personal data that are shown, to who may see personal data at all.
    """

    sources: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    personal: tuple[PersonalClass, ...] | None = None

    @property
    def is_of_all_events(self) -> bool:
        """Whether every event of every order is within it."""
        return self.sources is None and self.types is None and self.channels is None

    @property
    def is_of_whole_orders(self) -> bool:
        """Whether of an order it has every event or none."""
        return self.sources is None and self.types is None

    def covers(self, source: str, event_type: str, channel: str | None) -> bool:
        """Whether an event is within it. `channel`: of its order, None if that has none."""
        return (
            (self.sources is None or source in self.sources)
            and (self.channels is None or channel in self.channels)
            and (self.types is None or any(fits(event_type, one) for one in self.types))
        )


EVERYTHING = Scope()


def of_any_class(scope: Scope) -> Scope:
    """The scope, whatever classes of personal data it is limited to."""
    return scope if scope.personal is None else structs.replace(scope, personal=None)


def fits(event_type: str, pattern: str) -> bool:
    """Whether a type is the pattern, or one or more segments below it."""
    if pattern.endswith(".*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern


class Reach(Struct, frozen=True):
    """What a caller may do one thing with: whatever is within one of the scopes."""

    scopes: tuple[Scope, ...]

    @property
    def is_of_all_events(self) -> bool:
        return any(scope.is_of_all_events for scope in self.scopes)

    @property
    def channels(self) -> frozenset[str] | None:
        """Those whose orders are within it as a whole; None: all orders are."""
        found: set[str] = set()
        for scope in self.of_whole_orders.scopes:
            if scope.channels is None:
                return None
            found |= set(scope.channels)
        return frozenset(found)

    @property
    def of_whole_orders(self) -> Reach:
        """The part that has of an order every event or none."""
        return Reach(tuple(scope for scope in self.scopes if scope.is_of_whole_orders))

    @property
    def knows_channels(self) -> bool:
        """Whether the channel of an order decides anything."""
        return not self.is_of_all_events and any(one.channels is not None for one in self.scopes)

    def takes(self, source: str, event_type: str, *channels: str | None) -> bool:
        """Whether an event that comes in is within one of the scopes. `channels`: what it says of
        its order's, and what that is now; a None says nothing, and limits nothing."""
        known = {channel for channel in channels if channel is not None}
        return any(
            structs.replace(scope, channels=None).covers(source, event_type, None)
            and (scope.channels is None or known <= set(scope.channels))
            for scope in self.scopes
        )

    def covers(self, source: str, event_type: str, channel: str | None) -> bool:
        """Whether an event is within one of the scopes."""
        return any(scope.covers(source, event_type, channel) for scope in self.scopes)

    def personal(self, source: str, event_type: str, channel: str | None) -> frozenset[str]:
        """The classes of personal data that are shown of an event."""
        return _classes(one for one in self.scopes if one.covers(source, event_type, channel))

    def within(self, other: Reach) -> bool:
        """Whether each scope here is, as it stands, within one of the other's."""
        return all(any(_narrower(mine, one) for one in other.scopes) for mine in self.scopes)


NOTHING = Reach(())
ANYTHING = Reach((EVERYTHING,))


def _classes(scopes: Iterable[Scope]) -> frozenset[str]:
    found: set[str] = set()
    for scope in scopes:
        found |= PERSONAL_CLASSES if scope.personal is None else set(scope.personal)
    return frozenset(found)


def _narrower(scope: Scope, than: Scope) -> bool:
    return (
        _some_of(scope.sources, than.sources)
        and _some_of(scope.channels, than.channels)
        and _some_of(scope.personal, than.personal)
        and (
            than.types is None
            or (scope.types is not None and all(_below(one, than.types) for one in scope.types))
        )
    )


def _some_of(some: tuple[str, ...] | None, than: tuple[str, ...] | None) -> bool:
    return than is None or (some is not None and set(some) <= set(than))


def _below(pattern: str, patterns: Iterable[str]) -> bool:
    """Whether every type that fits a pattern fits one of these."""
    return any(
        pattern == one or (one.endswith(".*") and pattern.startswith(one[:-1])) for one in patterns
    )
