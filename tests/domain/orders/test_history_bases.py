"""When a fold of the first versions may stand for them, and when it may not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from domain.orders.history import AsOf, Folded, NotServable, fold_all, state_as_of
from tests.domain.orders.told import asked, told

BASE = told(("created", 3, {}), ("confirmed", 5, {}), ("correction", 4, {"of": "e9", "void": True}))


@pytest.mark.parametrize(
    ("tail", "asking"),
    [
        ([], {}),
        ([], {"at_us": 5_000_000, "known_us": 1003}),
        ([], {"known_sequence": 3}),
        ([("closed", 5, {})], {}),  # a tie: its sequence puts it after
        ([("closed", 6, {})], {}),
        ([("note.added", 1, {})], {}),
        ([("correction", 1, {"of": "e1"})], {}),  # a remark on the base
        ([("closed", 9, {}), ("correction", 9, {"of": "e4", "void": True})], {}),
        ([("closed", 1, {}), ("correction", 9, {"of": "e4", "void": True})], {}),
        ([("correction", 9, {"of": "e9", "patch": {}})], {}),  # its original is still to come
        ([("closed", 1, {})], {"known_us": 1003}),  # not known
        ([("correction", 1, {"of": "e1", "void": True})], {"known_sequence": 3}),
    ],
)
def test_when_a_base_serves(
    tail: list[tuple[str, int, dict[str, Any]]], asking: dict[str, int]
) -> None:
    events = [*BASE, *told(*tail, first=4)]
    bound = {"at_us": None, **asking}
    stored = msgspec.json.decode(msgspec.json.encode(fold_all("o1", BASE)), type=Folded)
    answer = state_as_of("o1", events[3:], base=stored, **bound)
    assert isinstance(answer, AsOf)
    assert replace(answer, basis="computed") == asked(events, **asking)


@pytest.mark.parametrize(
    ("tail", "asking"),
    [
        ([], {"at_us": 4_999_999}),
        ([], {"known_us": 1002}),
        ([], {"known_sequence": 2}),
        ([("closed", 4, {})], {}),
        ([("closed", 9, {}), ("closed", 4, {})], {}),
        ([("correction", 9, {"of": "e1", "patch": {}})], {}),
        ([("correction", 9, {"of": "e1", "void": True})], {}),
        ([("correction", 9, {"of": "unknown", "void": True})], {}),
        (
            [
                ("closed", 1, {}),
                ("correction", 9, {"of": "e4", "void": True}),
                ("correction", 9, {"of": "e4", "void": False}),
            ],
            {},
        ),
    ],
)
def test_when_a_base_does_not_serve(
    tail: list[tuple[str, int, dict[str, Any]]], asking: dict[str, int]
) -> None:
    base, events = fold_all("o1", BASE), told(*tail, first=4)
    bound = {"at_us": None, **asking}
    assert isinstance(state_as_of("o1", events, base=base, **bound), NotServable)


def test_folding_nothing() -> None:
    base = fold_all("o1", BASE)
    assert fold_all("o1", [], base) == base
    with pytest.raises(ValueError, match="without events"):
        fold_all("o1", [])


def test_what_a_fold_remembers() -> None:
    folded = fold_all("o1", BASE)
    assert (folded.version, folded.sequence, folded.received_us) == (3, 3, 1003)
    assert (folded.latest_us, folded.applied_us, folded.late) == (5_000_000, 5_000_000, ("e3",))
    remarked = fold_all("o1", told(("note.added", 9, {}), ("correction", 8, {"of": "e1"})))
    assert (remarked.latest_us, remarked.applied_us, remarked.late) == (9_000_000, 0, ("e2",))
