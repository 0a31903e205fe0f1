"""What tells of an event's way from its request into the read models, where that is traced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Traced(Struct, frozen=True):
    """An event of a traced request. traceparent: that request's (W3C Trace Context); received_us:
    microseconds since 1970."""

    traceparent: str
    received_us: int


class ProjectionSpans(Protocol):
    """Where read models tell of what they have taken in."""

    def projected(self, model: str, began_us: int, traced: Sequence[Traced]) -> None:
        """A model has these events, committed; at `began_us` it began with them. Does no I/O."""
        ...
