"""The two clocks and corrections, on small orders; stored bytes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from domain.orders.history import Folded, fold_all, past_event
from domain.orders.state import PastEvent
from tests.domain.orders.told import asked, told


def status(events: Sequence[PastEvent], **bounds: int) -> object:
    answer = asked(events, **bounds)
    return None if answer is None else answer.state["status"]


def test_a_late_shipped_never_takes_back_a_delivered() -> None:
    events = told(("created", 1, {}), ("delivered", 9, {}), ("shipped", 5, {}))
    answer = asked(events)
    assert answer is not None
    assert answer.state["status"] == "delivered"
    assert answer.late == ("e3",)
    assert (answer.state["first_occurred_at"], answer.state["last_occurred_at"]) == (
        "1970-01-01T00:00:01Z",
        "1970-01-01T00:00:09Z",
    )
    assert status(events, at_us=8_999_999) == "shipped"
    assert status(events, at_us=5_000_000, known_us=1002) == "pending"
    assert status(events, at_us=5_000_000, known_us=1003) == "shipped"
    assert status(events, at_us=999_999) is None
    assert status(events, known_us=1000) is None


def test_corrections_are_chosen_by_what_was_known() -> None:
    events = told(
        ("created", 1, {"total_minor": 5, "channel": "web"}),
        ("correction", 9, {"of": "e1", "patch": {"total_minor": 7}}),
        ("correction", 8, {"of": "e1", "patch": {"channel": "shop"}}),
        ("correction", 7, {"of": "e1"}),
        ("correction", 6, {"of": "e1", "void": True}),
        ("correction", 5, {"of": "e1", "patch": {}}),
    )
    seen = []
    for known in range(1, 7):
        answer = asked(events, at_us=1_000_000, known_sequence=known)
        assert answer is not None
        seen.append((answer.state["total_minor"], answer.state["channel"], answer.events_applied))
    assert seen == [
        (5, "web", 1),
        (7, "web", 1),
        (5, "shop", 1),  # patches do not add up
        (5, "shop", 1),  # a remark
        (None, None, 1),  # void, and yet counted
        (5, "web", 1),  # restored
    ]


def test_corrections_without_effect() -> None:
    void = {"void": True}
    events = told(
        ("created", 1, {}),
        ("correction", 2, {"of": "e1", "patch": {"status": "patched"}}),
        ("correction", 3, {"of": "e2", **void}),  # of a correction
        ("correction", 4, {"of": "another order's", **void}),
        ("correction", 5, void),  # of nothing
        ("closed", 6, {"of": "e9", **void}),  # a correction, whatever its type
    )
    assert status(events) == "patched"


def test_a_patch_that_is_sealed_is_a_remark() -> None:
    patch, sealed = {"patch": {"status": "patched"}}, {"patch": {"_sd": "digest"}}
    events = told(
        ("created", 1, {}),
        ("correction", 2, {"of": "e1", **patch}),
        ("correction", 3, {"of": "e1", **sealed}),
    )
    assert status(events) == "patched"


def test_a_correction_may_come_before_its_original() -> None:
    events = told(("correction", 9, {"of": "e2", "patch": {"to": "paid"}}), ("closed", 5, {}))
    assert status(events) == "paid"
    base = fold_all("o1", events[:1])
    assert base.waiting.keys() == {"e2"}
    on = fold_all("o1", events[1:], base)
    assert isinstance(on, Folded)
    assert (on.state["status"], on.waiting) == ("paid", {})


@pytest.mark.parametrize(
    ("occurred_at", "us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000),
        ("2025-08-29T12:34:56.123456Z", 1_756_470_896_123_456),
        ("2025-08-29T12:34:56.1234Z", 1_756_470_896_123_400),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ],
)
def test_stored_bytes(occurred_at: str, us: int) -> None:
    body = {
        "correction_of": "e1",
        "event_id": "e2",
        "metadata": {"actor_id": "a"},
        "occurred_at": occurred_at,
        "order_id": "o1",
        "payload": {"to": "x", "n": [1, None]},
        "received_at": "2025-08-29T12:34:58.000000Z",
        "type": "order.closed",
        "v": 1,
    }
    payload = {"to": "x", "n": [1, None]}
    assert past_event(7, 3, 11, msgspec.json.encode(body)) == PastEvent(
        7, 3, "e2", "order.closed", occurred_at, us, 11, payload, "e1"
    )
