"""Small orders written out, and questions about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.orders.history import AsOf, NotServable, state_as_of
from domain.orders.state import PastEvent


def asked(
    events: Sequence[PastEvent],
    at_us: int | None = None,
    known_us: int | None = None,
    known_sequence: int | None = None,
) -> AsOf | None:
    answer = state_as_of(
        "o1", events, at_us=at_us, known_us=known_us, known_sequence=known_sequence
    )
    assert not isinstance(answer, NotServable), "only with a base"
    return answer


def told(*moments: tuple[str, int, dict[str, Any]], first: int = 1) -> list[PastEvent]:
    """Events (type without "order.", second, payload); a payload's "of" is its correction_of."""
    return [
        PastEvent(
            sequence=n,
            version=n,
            event_id=f"e{n}",
            type=f"order.{name}",
            occurred_at=f"1970-01-01T00:00:{second:02}Z",
            occurred_us=second * 1_000_000,
            received_us=1000 + n,
            payload={key: value for key, value in payload.items() if key != "of"},
            correction_of=payload.get("of"),
        )
        for n, (name, second, payload) in enumerate(moments, start=first)
    ]
