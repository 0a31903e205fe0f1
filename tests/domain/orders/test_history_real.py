"""Real and generated orders, folded twice."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from domain.orders.history import AsOf, past_event, state_as_of
from domain.orders.state import PastEvent
from domain.times import parse_time
from tests.domain.orders.reference import reference

DATA = Path(__file__).parents[4] / "shared" / "data" / "events"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the shared inputs are not here")


def histories(name: str) -> dict[str, list[PastEvent]]:
    """The orders of a file as they would be recorded: malformed lines left out, of events with
    the same id the first, sequences in the order of the lines."""
    orders: dict[str, list[PastEvent]] = defaultdict(list)
    seen = set()
    with gzip.open(DATA / f"{name}.ndjson.gz", "rt", encoding="utf-8") as lines:
        for sequence, line in enumerate(lines, start=1):
            try:
                sent = json.loads(line)
                order, sent["occurred_at"] = sent["order_id"], parse_time(sent["occurred_at"])[0]
                event = past_event(
                    sequence, len(orders[order]) + 1, sequence, msgspec.json.encode(sent)
                )
            except (ValueError, KeyError, TypeError):
                continue
            if event.event_id not in seen:
                seen.add(event.event_id)
                orders[order].append(event)
    return {order: events for order, events in orders.items() if events}


@pytest.mark.parametrize(
    ("name", "every", "some_late"), [("olist", 20, False), ("generated-20k", 4, True)]
)
def test_real_orders(name: str, every: int, some_late: bool) -> None:
    late = delivered = 0
    for order, events in list(histories(name).items())[::every]:
        middle = sorted(event.occurred_us for event in events)[len(events) // 2]
        for at_us, known in ((None, None), (middle, None), (None, events[len(events) // 2])):
            sequence = known.sequence if known else None
            answer = state_as_of(order, events, at_us=at_us, known_sequence=sequence)
            assert isinstance(answer, AsOf)
            assert (
                answer.state,
                answer.event_sequence,
                answer.events_applied,
                answer.late,
            ) == reference(order, events, at_us, known_sequence=sequence)
            late += bool(answer.late)
            delivered += answer.state["delivered_at"] is not None
    assert delivered > 100
    assert bool(late) >= some_late
