"""System maintenance, which is on the ledger, and in timelines only when asked for (C5)."""

from __future__ import annotations

from domain.orders.state import EFFECTS

SYSTEM = "system"
"""The actor type of what the systems around an order do by themselves."""


def is_maintenance(
    event_type: str,
    correction_of: str | None,
    *,
    actor_type: object,
    maintenance: object,
    audit: object,
) -> bool:
    """Whether an event is maintenance; the last three are its metadata's, as they were sent.

    One that changes the order's state never is, nor a correction: a timeline without it would
    contradict the state. Nor is one that is tagged: `audit` is true.
    """
    if actor_type != SYSTEM and maintenance is not True:
        return False
    return audit is not True and correction_of is None and event_type not in EFFECTS
