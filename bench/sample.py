"""Events for benchmarks: the demo's sample, repeated under new ids."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from interfaces.demo.sample import sample


def events(count: int, *, prefix: str = "b") -> Iterator[dict[str, Any]]:
    """So many events of realistic orders, in arrival order, without corrections."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    (lives, *_) = sample(now, orders=600).values()
    plain = [event for event in lives if "correction_of" not in event]
    for number in range(count):
        event = plain[number % len(plain)]
        again = number // len(plain)
        yield {
            **event,
            "event_id": f"{prefix}-{number}",
            "order_id": f"{event['order_id']}-{prefix}{again}",
        }


def bodies(count: int, *, prefix: str = "b") -> list[bytes]:
    """The same as request bodies."""
    return [msgspec.json.encode(event) for event in events(count, prefix=prefix)]
