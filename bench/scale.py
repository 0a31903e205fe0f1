"""How much is measured."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

Say = Callable[[str], None]


class Scale(Struct, frozen=True):
    """Counts of the whole run; `QUICK` shows that everything works, not how fast."""

    rounds: int = 5
    appends: int = 20_000
    bulk_events: int = 200_000
    visible_seconds: int = 20
    stored_events: int = 100_000
    reads: int = 2_000
    hostile_seconds: float = 8
    memory_events: int = 200_000
    verified_events: int = 200_000
    retained_events: int = 1_000_000


QUICK = Scale(
    rounds=1,
    appends=4_000,
    bulk_events=10_000,
    visible_seconds=4,
    stored_events=10_000,
    reads=200,
    hostile_seconds=3,
    memory_events=20_000,
    verified_events=10_000,
    retained_events=20_000,
)
