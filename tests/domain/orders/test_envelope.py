"""The short look at an envelope never lets through what the long one would refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.errors import FieldError
from domain.orders.envelope import _check_fields, _is_ordinary

ORDINARY: dict[str, Any] = {
    "event_id": "e-1",
    "order_id": "order 4111111111111111",
    "occurred_at": "2025-01-01T00:00:00Z",
    "source": "shop/api.v2",
    "type": "order.status.changed",
    "schema_version": "v1",
    "payload": {},
}
_PARTS = (
    *("a", "B", ".", "_", "order.", "correction", "history", "oh_evt_", "bulk", "stream", "é"),
    *("@", "a@b.cc", "\n", "\r", "\t", "\0", "\x7f", "\x85", " ", "-", "4111 1111 1111 1111"),
    *("411111111111", "1111", "4", "x" * 99, "x" * 200),
)
_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.lists(st.sampled_from(_PARTS), max_size=4).map("".join),
    st.text(max_size=5),
    st.sampled_from([None, 1, True, 1.5, [], {}, ["a"]]),
)
_CHANGES = st.dictionaries(st.sampled_from([*ORDINARY, "correction_of", "metadata"]), _VALUES)


@given(_CHANGES)
@example({"schema_version": "v1\n"})
@example({"source": "4111111111111111"})
@example({"source": "4111-1111.1111 1111"})
@example({"type": "order.correction"})
@example({"type": "history.x"})
@example({"event_id": "bulk"})
def test_ordinary_is_without_errors(changes: dict[str, Any]) -> None:
    event = ORDINARY | changes
    errors: list[FieldError] = []
    _check_fields(event, errors)
    if _is_ordinary(event):
        assert errors == []


@pytest.mark.parametrize("missing", ORDINARY)
def test_what_lacks_a_field_is_not_ordinary(missing: str) -> None:
    assert not _is_ordinary({name: value for name, value in ORDINARY.items() if name != missing})
    assert not _is_ordinary(ORDINARY | {missing: None})


def test_the_usual_event_is_ordinary() -> None:
    assert _is_ordinary(ORDINARY)
